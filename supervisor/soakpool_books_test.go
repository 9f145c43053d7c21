package supervisor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Classes of records beside those of other ledgers. What was sent has as its Attempt 1
// if several actors are to get it.
const (
	sentExpected = 100 + iota // it is in the mailbox of To, if that is a member for good of Incarnation
	sentExcluded              // it is not in the mailbox of To
)

// readJournal gives each record of a ledger to take.
func readJournal(dir, name string, take func(record)) error {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	for ; len(raw) >= recordBytes; raw = raw[recordBytes:] {
		take(readRecord(raw))
	}
	return err
}

// freight is a message.
type freight struct {
	From uint64
	Seq  uint32
}

// shipment is what is known of a message.
type shipment struct {
	record               // when it was sent, and its outcome
	expected    []record // in whose mailboxes it is
	excluded    []uint32
	took        map[uint32][]record // by whom it was handled
	lost        map[uint32]int      // whose dead letter it is
	unannounced bool                // nobody has sent it
}

// takers are the actors in whose mailboxes it was.
func (s *shipment) takers() (ids []uint32) {
	for id := range s.took {
		ids = append(ids, id)
	}
	for id := range s.lost {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *shipment) String() string {
	return fmt.Sprintf("%+v, expected %+v, not %v, handled %+v, letters %v", s.record, s.expected, s.excluded, s.took, s.lost)
}

// crewBooks are what the tallies and the dead letters say.
type crewBooks struct {
	all   map[freight]*shipment
	order []record // what was handled
}

func readCrew(dir string, letters []crewLetter) (*crewBooks, error) {
	b := &crewBooks{all: map[freight]*shipment{}}
	of := func(from uint64, seq uint32) *shipment {
		f := freight{from, seq}
		s := b.all[f]
		if s == nil {
			s = &shipment{took: map[uint32][]record{}, lost: map[uint32]int{}, unannounced: true}
			b.all[f] = s
		}
		return s
	}
	// In this order: what is sent after the first of them was read is not expected.
	err := readJournal(dir, "handled", func(r record) {
		s := of(r.From, r.Seq)
		s.took[r.To] = append(s.took[r.To], r)
		b.order = append(b.order, r)
	})
	for _, l := range letters {
		of(l.key.from(), l.key.seq()).lost[l.to]++
	}
	if err != nil {
		return nil, err
	}
	return b, readJournal(dir, "sent", func(r record) {
		s := of(r.From, r.Seq)
		switch r.Class {
		case sentExpected:
			s.expected = append(s.expected, r)
		case sentExcluded:
			s.excluded = append(s.excluded, r.To)
		default:
			s.record, s.unannounced = r, false
		}
	})
}

// missing is what must be with somebody and is not. stays says whether an actor is and
// always was a member of a pool.
func (b *crewBooks) missing(stays func(pool, id uint32) bool) (missing []*shipment) {
	for _, s := range b.all {
		switch takers := s.takers(); {
		case s.Class != sentTold:
		case s.Attempt == 0:
			if len(takers) == 0 {
				missing = append(missing, s)
			}
		default:
			for _, e := range s.expected {
				if !slices.Contains(takers, e.To) && (e.Incarnation == 0 || stays(e.Incarnation, e.To)) {
					missing = append(missing, s)
					break
				}
			}
		}
	}
	return missing
}

// wrong is what should not have been handled, or is a letter and should not be.
func (b *crewBooks) wrong(isPool func(uint32) bool) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	type way struct {
		from uint64
		to   uint32
	}
	last := map[way]record{}
	lastOf := map[record]record{} // by way and incarnation
	for _, r := range b.order {
		if r.Class == handledSpoilt {
			bad("spoilt: %+v", r)
		}
		if r.Class != handledWhole {
			continue
		}
		l := last[way{r.From, r.To}]
		if r.Seq < l.Seq || r.Seq == l.Seq && (r.Attempt <= l.Attempt || r.Incarnation <= l.Incarnation) || r.Incarnation < l.Incarnation {
			bad("%+v after %+v", r, l)
		}
		last[way{r.From, r.To}] = r
		lastOf[record{From: r.From, To: r.To, Incarnation: r.Incarnation}] = r
	}
	for f, s := range b.all {
		takers := s.takers()
		switch {
		case s.unannounced:
			bad("%v: nobody has sent it: %v", f, s)
		case s.Class == sentSpoilt:
			bad("answered with something else: %v", s)
		case s.Class == sentRefused && len(takers) > 0:
			bad("its sender was told that it was not sent: %v", s)
		case s.Attempt == 0 && len(takers) > 1:
			bad("more than one has it: %v", s)
		case s.Attempt == 0 && len(takers) == 1 && !isPool(s.To) && takers[0] != s.To:
			bad("another one has it: %v", s)
		case s.Class == sentAnswered && len(s.took) == 0:
			bad("answered by nobody: %v", s)
		case slices.ContainsFunc(s.excluded, func(id uint32) bool { return slices.Contains(takers, id) }):
			bad("one has it of whom its sender was told that it has not: %v", s)
		}
		for id, n := range s.lost {
			if n > 1 {
				bad("%d letters: %v", n, s)
			}
			// It was in hand at a death: nothing later of its sender was handled there.
			if took := s.took[id]; len(took) > 0 && took[0].Class == handledWhole {
				r := took[len(took)-1]
				if after := lastOf[record{From: r.From, To: r.To, Incarnation: r.Incarnation}]; after != r {
					bad("a letter, and handled before %+v: %v", after, s)
				}
			}
		}
		for _, took := range s.took {
			if len(took) > 1 && took[0].Class != handledWhole {
				bad("a stream that was read twice: %v", s)
			}
		}
	}
	return wrong
}

// owners lists the keys that more than one member of a pool, whose members were always
// the same, has handled.
func (b *crewBooks) owners(pool uint32) (wrong []string) {
	owner := map[uint64]*shipment{}
	for _, s := range b.all {
		if s.To != pool || s.Attempt != 0 {
			continue
		}
		for id, took := range s.took {
			if took[0].Class != handledWhole { // a stream has a key of its own
				continue
			}
			if o := owner[routeKey(s.Seq)]; o != nil && o.took[id] == nil {
				wrong = append(wrong, fmt.Sprintf("key %d: %v and %v", routeKey(s.Seq), o, s))
			}
			owner[routeKey(s.Seq)] = s
		}
	}
	return wrong
}
