package process_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor/internal/process"
)

// TestTextRefused: what a child is to read reaches it without memfd_create, too.
func TestTextRefused(t *testing.T) {
	if !testutil.Refusing(t, "memfd_create:EPERM", "memfd_create:ENOSYS") {
		return
	}
	want := bytes.Repeat([]byte("text"), 5000) // more than a page of a pipe
	f, err := process.Text("test", want)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes became %d: %v", len(want), len(got), err)
	}
}
