package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/sock"
	"github.com/understudy-go/understudy/transport/wire"
)

var (
	_ = testutil.HelperErr("user of a pool", func(c *testutil.Child) error { return user(c, PolicyPool) })
	_ = testutil.HelperErr("user of an arena", func(c *testutil.Child) error { return user(c, PolicyArena) })
)

// The frames of the test's own protocol: 's' announces a segment, 'r' retires
// one, 'b' names a block and the check sum of its bytes, 'p' is the user's page.
func user(c *testutil.Child, policy Policy) error {
	l, err := sock.New(c.File(0))
	if err != nil {
		return err
	}
	mem, err := Create("page", transport.RecvPageBytes, Options{})
	if err != nil {
		return err
	}
	page, err := transport.NewRecvPage(mem.Bytes())
	if err != nil {
		return err
	}
	if err := l.Send([]byte{'p'}, []transport.File{mem.File()}); err != nil {
		return err
	}
	views := Views{Policy: policy}
	buf := make([]byte, 4096)
	for {
		n, files, err := l.Receive(buf)
		if err == io.EOF {
			views.Close()
			return nil
		}
		if err != nil {
			return err
		}
		var ref BlockRef
		switch f := buf[1:n]; buf[0] {
		case 's':
			num := func(i int) int { return int(binary.LittleEndian.Uint64(f[i*8:])) }
			err = views.Add(uint16(num(0)), files[0], num(1), num(2), num(3))
		case 'r':
			err = views.Drop(binary.LittleEndian.Uint16(f))
		case 'b':
			ref.Parse(f)
			err = look(&views, page.Returns, ref, binary.LittleEndian.Uint32(f[wire.BlockRefBytes:]))
			if err == nil {
				err = l.Send([]byte{'k'}, nil)
			}
		case 'w':
			ref.Parse(f)
			err = tryToWrite(&views, ref)
			if err == nil {
				err = l.Send([]byte{'k'}, nil)
			}
		}
		if err != nil {
			return err
		}
	}
}

func look(v *Views, r transport.Returns, ref BlockRef, sum uint32) error {
	b, err := v.View(ref)
	if err != nil {
		return err
	}
	if got := crc32.ChecksumIEEE(b); got != sum {
		return fmt.Errorf("block %+v: check sum %#x, want %#x", ref, got, sum)
	}
	v.Release(r, ref)
	return nil
}

// tryToWrite writes a view, which must fault.
func tryToWrite(v *Views, ref BlockRef) (err error) {
	b, err := v.View(ref)
	if err != nil {
		return err
	}
	defer v.Forget(ref)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			err = errors.New("a peer wrote a segment")
		}
	}()
	b[0] = 1
	return nil
}

// peer is the owner's end towards one incarnation of the user.
type peer struct {
	t    *testing.T
	l    transport.Link
	page *transport.RecvPage
	mem  *Memory
	kill func()
}

func startUser(t *testing.T, policy Policy) *peer {
	a, b, err := sock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	l, err := sock.New(a)
	if err != nil {
		t.Fatal(err)
	}
	role := "user of a pool"
	if policy == PolicyArena {
		role = "user of an arena"
	}
	c := testutil.Start(t, role, testutil.Spec{Files: []*os.File{b}})
	b.Close()
	p := &peer{t: t, l: l}
	killed := false
	p.kill = func() {
		killed = true
		c.Kill()
		c.Wait()
	}
	buf := make([]byte, 100)
	_, files, err := l.Receive(buf)
	if err != nil || len(files) != 1 {
		t.Fatalf("no page: %v", err)
	}
	if p.mem, err = Open(files[0], transport.RecvPageBytes); err != nil {
		t.Fatal(err)
	}
	if p.page, err = transport.OpenRecvPage(p.mem.Bytes()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if !killed {
			c.Succeeds()
		}
		p.mem.Close()
	})
	return p
}

func (p *peer) announce(id uint16, f transport.File, size, class, blocks int) error {
	m := []byte{'s'}
	for _, v := range []int{int(id), size, class, blocks} {
		m = binary.LittleEndian.AppendUint64(m, uint64(v))
	}
	return p.l.Send(m, []transport.File{f})
}

func (p *peer) name(kind byte, b Block) {
	p.t.Helper()
	m := make([]byte, 1+wire.BlockRefBytes+4)
	m[0] = kind
	b.Ref.Put(m[1:])
	binary.LittleEndian.PutUint32(m[1+wire.BlockRefBytes:], crc32.ChecksumIEEE(b.Mem))
	if err := p.l.Send(m, nil); err != nil {
		p.t.Fatal(err)
	}
}

// ack waits until the user has dealt with one block.
func (p *peer) ack() {
	p.t.Helper()
	buf := make([]byte, 10)
	if _, _, err := p.l.Receive(buf); err != nil {
		p.t.Fatalf("user has ended: %v", err)
	}
}

// owner is a pool that lends to one incarnation of the user after another.
type owner struct {
	t       *testing.T
	policy  Policy
	pool    *Pool
	user    *peer
	held    map[uint16]hold // what a supervisor holds for successors
	retired int
	rng     *rand.Rand
	seq     uint64
}

type hold struct {
	f                   *os.File
	size, class, blocks int
}

func newOwner(t *testing.T, policy Policy) *owner {
	o := &owner{t: t, policy: policy, user: startUser(t, policy), held: map[uint16]hold{}, rng: rand.New(rand.NewPCG(1, 2))}
	o.pool = NewPool(PoolConfig{
		MaxBytes: 16 << 20, Policy: policy,
		Announce: func(id uint16, f transport.File, size, class, blocks int) error {
			o.held[id] = hold{dup(t, f), size, class, blocks}
			return o.user.announce(id, f, size, class, blocks)
		},
		Retire: func(id uint16) error {
			o.retired++
			o.held[id].f.Close()
			delete(o.held, id)
			return o.user.l.Send(binary.LittleEndian.AppendUint16([]byte{'r'}, id), nil)
		},
	})
	o.pool.Switch(o.user.page.Returns, 0)
	t.Cleanup(func() {
		for _, h := range o.held {
			h.f.Close()
		}
		if err := o.pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// lend fills a block of random size.
func (o *owner) lend() Block {
	o.t.Helper()
	b, err := o.pool.Take(o.rng.IntN(1 << (8 + o.rng.IntN(14))))
	if err != nil {
		o.t.Fatal(err)
	}
	for i := 0; i+8 <= len(b.Mem); i += 8 {
		binary.LittleEndian.PutUint64(b.Mem[i:], o.rng.Uint64())
	}
	o.pool.Lent(b, o.seq)
	o.seq++
	return b
}

func (o *owner) roundTrips(n int) {
	o.t.Helper()
	for range n {
		o.user.name('b', o.lend())
		o.user.ack()
		if o.pool.Collect() != 1 {
			o.t.Fatal("the block did not come back")
		}
	}
}

// succeed starts another user in the place of the last one.
func (o *owner) succeed() {
	o.t.Helper()
	o.user = startUser(o.t, o.policy)
	for id, h := range o.held {
		if err := o.user.announce(id, h.f, h.size, h.class, h.blocks); err != nil {
			o.t.Fatal(err)
		}
	}
}

// TestTwoProcesses lends blocks of all sizes to another process, which checks
// every byte and gives them back; kills it while it holds some; and goes on
// with its successor.
func TestTwoProcesses(t *testing.T) { eachPolicy(t, testTwoProcesses) }

func testTwoProcesses(t *testing.T, policy Policy) {
	testutil.Audit(t)
	testutil.FileSize(t, 9<<20) // its segments
	o := newOwner(t, policy)
	o.roundTrips(max(100, testutil.Rounds(100, 10_000)))
	o.user.name('w', o.lend())
	o.user.ack()

	// Four more are out when the user dies; the successor handles from the
	// third of them on.
	var out []Block
	for range 4 {
		out = append(out, o.lend())
	}
	o.user.kill()
	if s := o.pool.Stats(); s.Lent != 5 {
		t.Fatalf("%+v", s)
	}
	o.succeed()
	if n := o.pool.Switch(o.user.page.Returns, o.seq-2); n != 3 {
		t.Errorf("Switch freed %d blocks, want 3", n)
	}
	for _, b := range out[2:] {
		o.user.name('b', b)
		o.user.ack()
	}
	if n := o.pool.Collect(); n != 2 {
		t.Errorf("%d blocks came back from the successor, want 2", n)
	}
	o.roundTrips(max(50, testutil.Rounds(50, 10_000)))
	if o.retired == 0 && policy == PolicyPool {
		t.Error("no segment was ever retired: the test is too small")
	}
	if s := o.pool.Stats(); s.Lent != 0 || s.Free != s.Blocks || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}
