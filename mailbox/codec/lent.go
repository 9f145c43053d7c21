package codec

import "fmt"

// Lent holds what travels beside one message: at most MaxLent things that are handed
// over and not copied. The codec writes only their indexes. The zero value is empty and
// ready for use.
type Lent struct {
	N     int                       // number of items in use
	Item  [MaxLent]any              // opaque to the codec
	Mark  [MaxLent]Mark             // of each item
	Copy  func(dst, src []byte) int // copies large slices and strings; nil: copy
	Views bool                      // a decoded View points into the bytes, which do not change while it is used
	Gone  bool                      // decoding: what was handed over no longer exists, and becomes the zero value
}

// Mark is what an item's owner records with it, so that the item can be a pointer to
// something that is reused.
type Mark struct {
	Generation uint32
	Length     uint64 // bytes
}

// Add appends x and returns its index. It does not allocate if x is a pointer.
func (l *Lent) Add(x any) (uint32, error) {
	if l == nil {
		return 0, fmt.Errorf("codec: this message cannot carry lent items")
	}
	if l.N >= MaxLent {
		return 0, fmt.Errorf("codec: more than %d lent items in one message: send them in several messages", MaxLent)
	}
	l.Item[l.N] = x
	l.N++
	return uint32(l.N - 1), nil
}

// Get returns the item of an index, which comes from a peer and is checked.
func (l *Lent) Get(index uint32) (any, error) {
	n := 0
	if l != nil {
		n = min(l.N, MaxLent)
	}
	if uint64(index) >= uint64(n) {
		return nil, fmt.Errorf("codec: lent item %d of %d", index, n)
	}
	return l.Item[index], nil
}

// Lender is a type whose values are handed over beside the message. The method adds what
// is to be handed over to out and returns its index, or any other number that
// UnderstudyAccept understands. Neither method may keep a pointer to its receiver or to
// the Lent, which may be on a stack.
type Lender interface {
	UnderstudyLend(out *Lent) (uint32, error)
}

// Accepter is the other direction of Lender. A type needs both, with pointer receivers.
// The index comes from a peer.
type Accepter interface {
	UnderstudyAccept(in *Lent, index uint32) error
}
