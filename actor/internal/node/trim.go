package node

// trimLater starts a goroutine, unless it runs, that frees the segment of a payload over
// the pool once the receiver has given it back. It is called when the segment is taken,
// before the message is sent.
func (t *Target) trimLater() {
	n := t.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed == nil && t.trimming.CompareAndSwap(false, true) {
		n.helpers.Go(t.trim)
	}
}

// trim waits, like a sender for room, until the segment is back.
func (t *Target) trim() {
	ev := make(chan struct{}, 1)
	t.wantRoom(ev)
	defer t.hasRoom(ev)
	for {
		w := &roomWait{ts: []*Target{t}, seen: t.credits.Load()}
		if t.gone.Load() != nil {
			return // it goes with the lane
		}
		if t.box.Trim() {
			t.trimming.Store(false)
			// Another payload may have come just before, and found this goroutine running.
			if t.box.Trim() || !t.trimming.CompareAndSwap(false, true) {
				return
			}
		}
		if t.node.await(background, w, ev) != nil {
			return
		}
	}
}

// wantRoom tells the receiver that somebody here waits for room, until hasRoom; ev is
// told when there may be some.
func (t *Target) wantRoom(ev chan struct{}) {
	t.rooms.Lock()
	defer t.rooms.Unlock()
	t.waiting[ev] = struct{}{}
	t.box.WantRoom(true)
}

// hasRoom undoes wantRoom.
func (t *Target) hasRoom(ev chan struct{}) {
	t.rooms.Lock()
	defer t.rooms.Unlock()
	delete(t.waiting, ev)
	if len(t.waiting) == 0 {
		t.box.WantRoom(false)
		t.box.Hurry(false)
	}
}
