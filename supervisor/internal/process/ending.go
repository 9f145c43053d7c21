package process

import "sync"

// Ending is an end that others wait for. The zero value is one that has not come yet.
type Ending struct {
	mu   sync.Mutex
	over bool
	done chan struct{} // nil until somebody asks for it
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

// Then calls f in a new goroutine when the end has come, or at once if it has. It saves
// a goroutine that waits for Done. It may be called once.
func (e *Ending) Then(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		go f()
		return
	}
	e.then = f
}

// Come makes the end come; it is called once.
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
