package output

import (
	"io"
	"sync"
)

// Writer passes on what is written to it, and keeps the first error: a disk may be full,
// and a program that prints line by line does not check each time. Several goroutines may
// write to it.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// To returns a Writer that writes to w.
func To(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes b.
func (w *Writer) Write(b []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n, err = w.w.Write(b); w.err == nil {
		w.err = err
	}
	return n, err
}

// Err is the first error of a Write, or nil.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
