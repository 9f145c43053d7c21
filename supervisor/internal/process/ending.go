package process

import "sync"

// Ending is an end that others wait for, once each.
type Ending struct {
	done chan struct{}
	mu   sync.Mutex
	over bool
	then func()
}

// NewEnding returns one that has not come.
func NewEnding() *Ending { return &Ending{done: make(chan struct{})} }

// Done is closed when it has come.
func (e *Ending) Done() <-chan struct{} { return e.done }

// Then calls f, in a goroutine of its own, when it has come, or at once if it
// has. It is for who would else have a goroutine wait for Done all the time. It
// is called once.
func (e *Ending) Then(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		go f()
		return
	}
	e.then = f
}

// Come makes it come; it is called once.
func (e *Ending) Come() {
	close(e.done)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.then != nil {
		go e.then()
	}
}
