package segment

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }
