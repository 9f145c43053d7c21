package keeper

import "github.com/understudy-go/understudy/transport/lane"

// Unread counts the messages for a child, or for the members of a pool, that no handler
// has had.
func (k *Keeper) Unread(id uint32) (n uint64, err error) {
	if p := k.pools[id]; p != nil {
		for _, m := range p.members {
			of, err := k.Unread(m.ID)
			if err != nil {
				return 0, err
			}
			n += of
		}
		return n, nil
	}
	for _, l := range k.to(id) {
		of, err := k.unreadIn(l)
		if err != nil {
			return 0, err
		}
		n += of
	}
	return n, nil
}

// unreadIn counts those of one lane. The page of a receiver that is dead tells nothing
// that its death has not told.
func (k *Keeper) unreadIn(l *held) (uint64, error) {
	m, err := l.mapped()
	if err != nil {
		return 0, err
	}
	defer m.close()
	form, err := lane.FormOf(l.open.Queue)
	if err != nil {
		return 0, err
	}
	recv := m.recv
	if c := k.children[l.to]; c.alive == 0 || l.pageOf != c.alive {
		recv = nil
	}
	return form.Unread(m.send, recv, l.at, mostInKernel), nil
}
