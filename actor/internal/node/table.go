package node

import "math/bits"

// table holds targets by number; every send looks one up. It is never changed: adding
// and removing make another one. Numbers only go up while the program runs, but only so
// many are in use at a time: its size follows that count, and neighbouring numbers, which
// is all that most programs have, do not collide.
//
//	slot of a number: its low bits, or the next one that is free
type table []*Target // a power of two of slots, at most half of them used; or none

// find returns the target with that number, or nil.
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

// with returns t with x added, replacing one with the same number.
func (t table) with(x *Target) table {
	all := []*Target{x}
	for _, y := range t {
		if y != nil && y.ID != x.ID {
			all = append(all, y)
		}
	}
	return tableOf(all)
}

// without returns t without x.
func (t table) without(x *Target) table {
	var all []*Target
	for _, y := range t {
		if y != nil && y != x {
			all = append(all, y)
		}
	}
	return tableOf(all)
}

// tableOf returns the table of targets with different numbers.
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
