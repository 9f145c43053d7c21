package process

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// gated is a sink that takes nothing until it is opened, as if there was no processor
// for whoever reads.
type gated chan struct{}

func (g gated) Write(b []byte) (int, error) {
	<-g
	return len(b), nil
}

// TestLastWordsOfABusyMachine: what a child has written is read to the end, although
// its reader had no processor for longer than the end is waited for, and a stranger
// holds the pipe. What the stranger writes for ever is not.
func TestLastWordsOfABusyMachine(t *testing.T) {
	defer func(was time.Duration) { strangerWait = was }(strangerWait)
	strangerWait = time.Millisecond
	for what, chatter := range map[string]bool{"silent stranger": false, "stranger that writes": true} {
		t.Run(what, func(t *testing.T) {
			gate := make(gated)
			d, fd, err := drainedPipe("stderr", gate)
			if err != nil {
				t.Fatal(err)
			}
			w := os.NewFile(uintptr(fd), "stranger")
			defer w.Close()
			words := append(bytes.Repeat([]byte("before\n"), 8000), "panic: the last words\n"...) // nearly all that a pipe holds
			if _, err := w.Write(words); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			if chatter {
				go func() {
					defer close(ended)
					for _, err := w.Write(make([]byte, 1000)); err == nil; _, err = w.Write(make([]byte, 1000)) {
					}
				}()
			} else {
				close(ended)
			}
			time.AfterFunc(20*strangerWait, func() { close(gate) }) // the fault
			if text, stack := d.finish(); !strings.Contains(stack, "panic: the last words") || !chatter && !strings.HasSuffix(text, "the last words\n") {
				t.Errorf("it ends with %q, and the stack is %q", text[max(0, len(text)-50):], stack)
			}
			<-ended
		})
	}
}

// TestKeptOfMuch: of what is written the begin and the end are kept, to the byte, and the
// place where something is missing is marked; whatever the pieces it comes in. All of it
// is given to the sink.
func TestKeptOfMuch(t *testing.T) {
	var text []byte
	for i := range 20000 {
		text = fmt.Appendf(text, "line %d\n", i)
	}
	const all = headBytes + tailBytes
	for _, size := range []int{0, 1, headBytes, all, all + 1, 2*tailBytes + headBytes, 2*tailBytes + headBytes + 1, len(text)} {
		for _, piece := range []int{100, 5000} {
			said := text[:size]
			want := string(said)
			if size > all {
				want = string(said[:headBytes]) + "\n[...]\n" + string(said[size-tailBytes:])
			}
			var sink bytes.Buffer
			d, fd, err := drainedPipe("stderr", &sink)
			if err != nil {
				t.Fatal(err)
			}
			w := os.NewFile(uintptr(fd), "child")
			for b := range slices.Chunk(said, piece) {
				if _, err := w.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			w.Close()
			if got, stack := d.finish(); got != want || stack != "" || d.said != int64(size) || !bytes.Equal(sink.Bytes(), said) {
				t.Errorf("of %d bytes, in pieces of %d: %d are kept, want %d; the sink has %d; stack %q", size, piece, len(got), len(want), sink.Len(), stack)
			}
			if d.kept != nil && len(d.kept.tail) > 2*tailBytes {
				t.Errorf("of %d bytes, in pieces of %d: %d take memory", size, piece, len(d.kept.tail))
			}
		}
	}
}
