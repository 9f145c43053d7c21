package process

import "sync"

// Ending is an end that others wait for. The zero value has not come.
type Ending struct {
	mu   sync.Mutex
	over bool
	done chan struct{} // nil while nobody has asked for it
	then func()
}

// Done is closed when it has come.
func (e *Ending) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done == nil {
		e.done = make(chan struct{})
		if e.over {
			close(e.done)
		}
	}
	return e.done
}

// Over says whether it has come.
func (e *Ending) Over() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.over
}

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
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over = true; e.done != nil {
		close(e.done)
	}
	if e.then != nil {
		go e.then()
	}
}
