package mq

import (
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
)

func init() {
	testutil.ExamplesNeed(func() error {
		f, err := Create()
		if err == nil {
			f.Close()
		}
		return err
	})
}

func TestMain(m *testing.M) { testutil.Main(m) }
