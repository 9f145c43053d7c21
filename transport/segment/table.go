package segment

// table holds the segments that a process maps, by id, in two levels, because there are
// few ids and they begin low. nil is the empty table.
type table struct {
	pages [256]*[256]*viewed // by the id's upper and lower byte
}

// find returns the segment of an id, or nil.
func (t *table) find(id uint16) *viewed {
	if t == nil {
		return nil
	}
	if p := t.pages[id>>8]; p != nil {
		return p[id&255]
	}
	return nil
}

// with returns a copy of t in which id stands for s, or for none if s is nil.
func (t *table) with(id uint16, s *viewed) *table {
	n := new(table)
	if t != nil {
		*n = *t
	}
	page := new([256]*viewed)
	if old := n.pages[id>>8]; old != nil {
		*page = *old
	}
	page[id&255] = s
	n.pages[id>>8] = page
	return n
}

// all calls yield for each segment.
func (t *table) all(yield func(*viewed) bool) {
	if t == nil {
		return
	}
	for _, p := range t.pages {
		if p == nil {
			continue
		}
		for _, s := range p {
			if s != nil && !yield(s) {
				return
			}
		}
	}
}
