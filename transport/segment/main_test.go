package segment

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

func init() { testutil.ExamplesNeed(func() error { return testutil.FileSizeAllows(9 << 20) }) }

func TestMain(m *testing.M) { testutil.Main(m) }
