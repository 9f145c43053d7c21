package node

import "math/bits"

// table is targets by number, looked up by every send. It does not change: who
// adds or takes out makes another one. Numbers go up for as long as the program
// runs, and only so many are in use at a time, so it is as large as that, and
// neighbours in number, of which most programs have nothing else, do not collide.
//
//	slot of a number: its low bits, or the next one that is free
type table []*Target // a power of two of slots, at most half of them used; or none

// find is the target with that number, or nil.
func (t table) find(id uint32) *Target {
	if len(t) == 0 {
		return nil
	}
	for i := id; ; i++ {
		if x := t[i&uint32(len(t)-1)]; x == nil || x.ID == id {
			return x
		}
	}
}

// with is t with x, in the place of one of the same number.
func (t table) with(x *Target) table {
	all := []*Target{x}
	for _, y := range t {
		if y != nil && y.ID != x.ID {
			all = append(all, y)
		}
	}
	return tableOf(all)
}

// without is t without x.
func (t table) without(x *Target) table {
	var all []*Target
	for _, y := range t {
		if y != nil && y != x {
			all = append(all, y)
		}
	}
	return tableOf(all)
}

// tableOf is the table of targets of different numbers.
func tableOf(all []*Target) table {
	if len(all) == 0 {
		return nil
	}
	t := make(table, 1<<bits.Len(uint(2*len(all)-1)))
	for _, x := range all {
		i := x.ID
		for t[i&uint32(len(t)-1)] != nil {
			i++
		}
		t[i&uint32(len(t)-1)] = x
	}
	return t
}
