package codec

import "fmt"

// Lent is what travels beside one message: things that are handed over and
// not copied, at most MaxLent of them. The codec writes only their indexes.
// The zero value is empty and ready for use.
type Lent struct {
	N     int                       // number of items in use
	Item  [MaxLent]any              // opaque to the codec
	Mark  [MaxLent]Mark             // of each item
	Copy  func(dst, src []byte) int // copies large slices and strings; nil: copy
	Views bool                      // a View that is decoded points into the bytes, which stay what they are for as long as it is used
}

// Mark is what an item's owner notes beside it, so that the item can be a
// pointer to what is used again and again.
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

// Get returns the item of that index, which a peer chose.
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

// Lender is a type whose values are handed over beside the message. The method
// adds what is to be handed over to out and returns its index, or any other
// number that Accept understands. Neither method may keep a pointer to its
// receiver or to the Lent: both may stand on a stack.
type Lender interface {
	UnderstudyLend(out *Lent) (uint32, error)
}

// Accepter is the other direction of Lender. Both are needed, on the pointer.
// The index was chosen by a peer.
type Accepter interface {
	UnderstudyAccept(in *Lent, index uint32) error
}
