package transporttest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// Blocks is what an owner does with blocks: a *segment.Pool.
type Blocks interface {
	Take(n int) (segment.Block, error)
	Put(segment.Block)
	Lent(b segment.Block, seq uint64)
	Switch(r transport.Returns, start uint64) int
	Close() error
}

// Policy runs the suite for one policy of blocks. make makes an owner's blocks; it is
// called in the test process only, and the user is another process.
func Policy(t *testing.T, policy segment.Policy, make func(segment.PoolConfig) Blocks) {
	each(t, func(t *testing.T) *lender { return &lender{t: t, policy: policy, make: make} }, []rule[*lender]{
		{"no overlap", "blocks that are out at one time have no byte in common, and as many as were asked for", blocksApart},
		{"nothing lost", "what was given back can be taken again, all of it", blocksAgain},
		{"other process", "the user sees what the owner wrote, and what it returns can be taken again", blocksReturn},
	})
}

// lender is the owner in one case of the suite.
type lender struct {
	t      *testing.T
	policy segment.Policy
	make   func(segment.PoolConfig) Blocks
	user   *player
	taken  []segment.Block // in the owner's hands
}

// blocks makes 1 MiB of blocks.
func (l *lender) blocks() Blocks {
	b := l.make(segment.PoolConfig{MaxBytes: 1 << 20, Policy: l.policy, Name: "suite", Announce: l.announce})
	l.t.Cleanup(func() {
		l.putAll(b)
		b.Close()
	})
	return b
}

// announce tells the user of a segment, if there is one.
func (l *lender) announce(id uint16, f transport.File, size, class, blocks int) error {
	if l.user == nil {
		return nil
	}
	frame := &wire.Segment{ID: id, Size: uint64(size), Class: uint64(class), Blocks: uint32(blocks)}
	if err := l.user.link.Send(wire.Append(nil, frame), []transport.File{f}); err != nil {
		return err
	}
	l.user.Send("add")
	l.user.Expect("add")
	return nil
}

// takeAll takes blocks of the sizes in turn and fills them, until there is none for the
// next size.
func (l *lender) takeAll(b Blocks, sizes ...int) (all []segment.Block) {
	l.t.Helper()
	for i := 0; ; i++ {
		size := sizes[i%len(sizes)]
		k, err := b.Take(size)
		if errors.Is(err, segment.ErrDry) {
			return all
		}
		if err == nil {
			all = append(all, k)
			l.taken = all
		}
		if err != nil || len(k.Mem) != size || i > transport.ReturnEntries {
			l.t.Fatalf("block %d of %d bytes: %d bytes, %v", i, size, len(k.Mem), err)
		}
		Fill(k.Mem, uint64(i))
	}
}

// putAll puts back what is in the owner's hands.
func (l *lender) putAll(b Blocks) {
	for _, k := range l.taken {
		b.Put(k)
	}
	l.taken = nil
}

func blocksApart(l *lender) {
	all := l.takeAll(l.blocks(), 100, 4096, 4097, 30_000, 9000, 1)
	if len(all) < 10 {
		l.t.Fatalf("only %d blocks", len(all))
	}
	for i, k := range all {
		if !Check(k.Mem, uint64(i)) {
			l.t.Fatalf("block %d of %d bytes was overwritten by another one", i, len(k.Mem))
		}
	}
}

func blocksAgain(l *lender) {
	for _, size := range []int{100, 5000, 100_000} {
		b := l.blocks()
		first := l.takeAll(b, size)
		for range 3 {
			l.putAll(b)
			again := l.takeAll(b, size)
			if len(again) != len(first) {
				l.t.Fatalf("of %d blocks of %d bytes %d can be taken again", len(first), size, len(again))
			}
			first = again
		}
		l.putAll(b)
	}
}

func blocksReturn(l *lender) {
	page := l.viewer()
	b := l.blocks()
	b.Switch(page.Returns, 0)
	seq, most := uint64(0), 0
	for round := range testutil.Rounds(4, 100) {
		all := l.takeAll(b, 5000, 20_000)
		if round == 0 {
			most = len(all)
		} else if len(all) != most {
			l.t.Fatalf("of %d blocks %d could be taken again after the user had returned all", most, len(all))
		}
		for i, k := range all {
			l.taken = all[i+1:]
			b.Lent(k, seq)
			seq++
			r := k.Ref
			l.user.Send(fmt.Sprint("view ", r.Segment, " ", r.Index, " ", r.Generation, " ", r.Length, " ", i))
		}
		for i := range all {
			if got := l.user.Expect("view"); got != "ok" {
				l.t.Fatalf("block %d: %s", i, got)
			}
		}
	}
}

// viewer starts the user of the blocks, and returns its page.
func (l *lender) viewer() *transport.RecvPage {
	l.t.Helper()
	l.user = start(l.t, "transporttest-viewer", l.policy.String())
	_, files, err := l.user.link.Receive(make([]byte, 10))
	if err != nil || len(files) != 1 {
		l.t.Fatal(len(files), err)
	}
	mem, err := segment.Open(files[0], transport.RecvPageBytes)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { mem.Close() })
	page, err := transport.OpenRecvPage(mem.Bytes())
	if err != nil {
		l.t.Fatal(err)
	}
	return page
}

var _ = testutil.Helper("transporttest-viewer", runViewer)

// runViewer views blocks, checks them and gives them back.
func runViewer(c *testutil.Child) int {
	s := linked(c)
	mem, err := segment.Create("page", transport.RecvPageBytes, segment.Options{})
	if err != nil {
		s.fail(err)
	}
	page, err := transport.NewRecvPage(mem.Bytes())
	if err != nil {
		s.fail(err)
	}
	if err := s.link.Send([]byte("page"), []transport.File{mem.File()}); err != nil {
		s.fail(err)
	}
	policy, err := segment.ParsePolicy(c.Args[0])
	if err != nil {
		s.fail(err)
	}
	views := segment.Views{Policy: policy}
	for {
		line := c.Wait("")
		if line == "add" {
			f, files := s.frame()
			g := f.(*wire.Segment)
			if err := views.Add(g.ID, files[0], int(g.Size), int(g.Class), int(g.Blocks)); err != nil {
				s.fail(err)
			}
			c.Say("add")
			continue
		}
		var r segment.BlockRef
		var number uint64
		if _, err := fmt.Sscanf(line, "view %d %d %d %d %d", &r.Segment, &r.Index, &r.Generation, &r.Length, &number); err != nil {
			s.fail(err)
		}
		b, err := views.View(r)
		if err != nil {
			c.Say("view ", err)
			continue
		}
		ok := Check(b, number)
		views.Release(page.Returns, r)
		if ok {
			c.Say("view ok")
		} else {
			c.Say("view the bytes of number ", number, " are not what was written")
		}
	}
}
