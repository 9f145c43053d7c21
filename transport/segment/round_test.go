package segment

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-go/understudy/transport"
)

const roundClass = 256 << 10

// stage is a pool with a user that has lag blocks at hand, and a clock of its own. The
// time to fill a block depends on how many bytes were filled since it was filled last.
type stage struct {
	t     *testing.T
	p     *Pool
	r     transport.Returns
	known map[uint16]announced
	fill  func(bytes int) time.Duration
	idle  time.Duration // between two blocks
	clock time.Duration
	lag   int
	takes int
	last  map[[2]uint16]int
	out   []Block
}

func newStage(t *testing.T, cfg PoolConfig) *stage {
	s := &stage{t: t, r: newReturns(), lag: 2, last: map[[2]uint16]int{}, fill: func(int) time.Duration { return time.Microsecond }}
	if cfg.Retire == nil {
		cfg.Retire = func(uint16) error { return nil }
	}
	s.p, s.known = heapPool(cfg)
	s.p.now = func() time.Duration { return s.clock }
	s.p.Switch(s.r, 0)
	return s
}

// send takes, fills and lends a block.
func (s *stage) send() Block {
	s.t.Helper()
	b := mustTake(s.t, s.p, roundClass)
	at := [2]uint16{b.Ref.Segment, b.Ref.Index}
	since := 1 << 40
	if n, ok := s.last[at]; ok {
		since = (s.takes - n) * roundClass
	}
	s.last[at] = s.takes
	s.clock += s.fill(since)
	s.p.Lent(b, uint64(s.takes))
	s.takes++
	s.clock += s.idle
	s.out = append(s.out, b)
	if len(s.out) > s.lag {
		giveBack(s.r, s.out[0].Ref)
		s.out = s.out[1:]
	}
	return b
}

// catchUp gives all blocks back.
func (s *stage) catchUp() {
	for _, b := range s.out {
		giveBack(s.r, b.Ref)
	}
	s.out = nil
	s.p.Collect()
}

func (s *stage) many() bool { return s.p.shelves[s.p.shelfFor(roundClass)].many }

// readsAll, readsSlowly and readsLittle are how long it takes to fill a block that the user
// reads throughout, the same where what no cache has takes longer, and one that the user
// hardly looks at: see round.go.
func readsAll(bytes int) time.Duration {
	if bytes < 2<<20 {
		return 8 * time.Microsecond
	}
	return 2 * time.Microsecond
}

func readsSlowly(bytes int) time.Duration {
	if bytes < 2<<20 {
		return 8 * time.Microsecond
	}
	return 20 * time.Microsecond
}

func readsLittle(bytes int) time.Duration {
	if bytes < 2<<20 {
		return 1500 * time.Nanosecond
	}
	return 2 * time.Microsecond
}

// TestRound: many blocks go round while that is faster for their owner, and few else,
// also when the user changes its ways.
func TestRound(t *testing.T) {
	s := newStage(t, PoolConfig{})
	for _, c := range []struct {
		user string
		fill func(int) time.Duration
		many bool
	}{
		{"reads little", readsLittle, false},
		{"reads all", readsAll, true},
		{"makes no difference", func(int) time.Duration { return time.Microsecond }, false},
		{"reads all again", readsAll, true},
		{"reads all, and memory has become slow", readsSlowly, false},
		{"reads little again", readsLittle, false},
	} {
		s.fill = c.fill
		before := s.takes
		for s.many() != c.many || s.takes-before < manyBytes/roundClass*2*mostRest {
			if s.send(); s.takes-before > manyBytes/roundClass*4*mostRest {
				t.Fatalf("the user %s, and many is %v", c.user, s.many())
			}
		}
		slow, n := 0, 0
		best := c.fill(1 << 40)
		if !c.many {
			best = c.fill(0)
		}
		for range 30_000 {
			before := s.clock
			s.send()
			n++
			if s.clock-before > best {
				slow++
			}
		}
		if slow > n/20 {
			t.Errorf("the user %s: %d of %d blocks took longer than they must", c.user, slow, n)
		}
	}
	if st := s.p.Stats(); st.Bytes > manyBytes {
		t.Errorf("%d bytes of blocks, where %d go round", st.Bytes, manyBytes)
	}
}

// TestRoundSoon: a user that reads all is found out within 80 MiB, and one that begins to
// do so late within 200.
func TestRoundSoon(t *testing.T) {
	s := newStage(t, PoolConfig{})
	s.fill = readsAll
	send := func(bytes int) {
		for range bytes / roundClass {
			s.send()
		}
	}
	if send(80 << 20); !s.many() {
		t.Error("few blocks go round of a user that reads all")
	}
	s = newStage(t, PoolConfig{})
	s.fill = readsLittle
	if send(6 * mostRest * manyBytes); s.many() {
		t.Error("many blocks go round of a user that reads little")
	}
	s.fill = readsAll
	for n := 0; !s.many(); n++ {
		if send(roundClass); n > 200<<20/roundClass {
			t.Fatal("few blocks still go round, and its user reads all now")
		}
	}
	s = newStage(t, PoolConfig{})
	s.fill, s.idle = readsAll, roundClass*time.Second/busyRate
	send(mostRest * manyBytes)
	s.idle = 0
	if send(120 << 20); !s.many() {
		t.Error("few blocks go round of a user that reads all, in a pool that was little used before")
	}
}

// TestRoundWarmsUp: that blocks which nobody has used for long are slow does not count.
func TestRoundWarmsUp(t *testing.T) {
	s := newStage(t, PoolConfig{})
	s.fill = func(bytes int) time.Duration {
		if bytes > 2*manyBytes {
			return 30 * time.Microsecond
		}
		return readsAll(bytes)
	}
	for range 80 << 20 / roundClass {
		s.send()
	}
	if !s.many() {
		t.Error("few blocks go round of a user that reads all")
	}
}

// TestRoundOfMedians: a block that takes long now and then changes nothing.
func TestRoundOfMedians(t *testing.T) {
	s := newStage(t, PoolConfig{})
	s.fill = func(bytes int) time.Duration {
		if s.takes%7 == 0 {
			return time.Millisecond
		}
		return readsAll(bytes)
	}
	for range 80 << 20 / roundClass {
		s.send()
	}
	sh := &s.p.shelves[s.p.shelfFor(roundClass)]
	for range 1000 * manyBytes / roundClass {
		if s.send(); sh.phase == resting && !sh.many {
			t.Fatal("few blocks go round of a user that reads all")
		}
	}
}

// TestWidenedEnough: after one segment more there are as many blocks as are to go round.
func TestWidenedEnough(t *testing.T) {
	for class := int64(leastClass); class <= mostClass; class *= 2 {
		p, _ := heapPool(PoolConfig{Retire: func(uint16) error { return nil }})
		p.Put(mustTake(t, p, int(class)))
		k := p.shelfFor(int(class))
		if err := p.enlarge(k); err != nil || p.shelves[k].total < p.shelves[k].blocks {
			t.Errorf("%d blocks of %d bytes, where %d are to go round: %v", p.shelves[k].total, class, p.shelves[k].blocks, err)
		}
	}
}

// TestWidenedInTime: the blocks for a trial are made when it is near, not before.
func TestWidenedInTime(t *testing.T) {
	s := newStage(t, PoolConfig{})
	s.fill = readsAll
	for len(s.known) < 2 {
		s.send()
	}
	if rounds := s.takes * roundClass / manyBytes; rounds < firstRest/2 || rounds > firstRest {
		t.Errorf("they were made after %d rounds", rounds)
	}
}

// TestRoundOrder: when many go round, each is taken once before one is taken again, and
// none beyond those; the owner does not wait for one that its user has at hand.
func TestRoundOrder(t *testing.T) {
	defer patient.Store(patient.Swap(true))
	s := newStage(t, PoolConfig{})
	s.r.State = new(atomic.Uint32)
	s.p.Switch(s.r, 0)
	k := s.p.shelfFor(roundClass)
	n := s.p.shelves[k].blocks
	s.p.shelves[k].left = 0 // no trials
	s.lag = 2 * n
	for range 2 * n {
		s.send()
	}
	s.catchUp()
	s.p.weary, s.p.shelves[k].many = 0, true
	for range n - 4 {
		s.send()
	}
	if s.p.weary != 0 {
		t.Error("it has waited for a block, with fewer out than go round")
	}
	s.catchUp()
	s.lag = 2
	var order [][2]uint16
	for range 4 * n {
		b := s.send()
		order = append(order, [2]uint16{b.Ref.Segment, b.Ref.Index})
	}
	for i, at := range order[:2*n] {
		j := slices.Index(order[i+1:], at)
		if j < n/2 || j > 2*n {
			t.Fatalf("take %d: the block is taken again after %d others, of %d", i, j, n)
		}
	}
	slices.SortFunc(order, func(a, b [2]uint16) int { return slices.Compare(a[:], b[:]) })
	if used := len(slices.Compact(order)); used < n || used > n+n/lookPart+s.lag {
		t.Errorf("%d blocks were used, where %d go round", used, n)
	}
}

// TestNoRound: trials are only for pools, classes and rates that are worth them.
func TestNoRound(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  PoolConfig
		idle time.Duration
	}{
		"small pool": {cfg: PoolConfig{MaxBytes: poolPart*manyBytes - pageBytes}},
		"arena":      {cfg: PoolConfig{Policy: PolicyArena}},
		"slow":       {idle: roundClass * time.Second / busyRate},
	} {
		s := newStage(t, c.cfg)
		s.fill, s.idle = readsAll, c.idle
		for range 64 * manyBytes / roundClass {
			s.send()
		}
		if s.p.shelves[s.p.shelfFor(roundClass)].many || len(s.known) > 1 {
			t.Errorf("%s: a trial was made: %+v", name, s.known)
		}
	}
	for class, want := range map[int64]int{leastClass / 2: 0, leastClass: 256, mostClass: 16, mostClass * 2: 0} {
		if got := roundOf(class, poolPart*manyBytes).blocks; got != want {
			t.Errorf("%d blocks of %d bytes go round, want %d", got, class, want)
		}
		if got := roundOf(class, poolPart*manyBytes-1).blocks; got != 0 {
			t.Errorf("%d blocks of %d bytes go round in a pool that is too small", got, class)
		}
	}
}

// TestNotWidened: when a trial gets no segment, nothing comes of it.
func TestNotWidened(t *testing.T) {
	refused := errors.New("refused")
	for name, spoil := range map[string]func(s *stage){
		"create": func(s *stage) { s.p.create = func(int) (*Memory, error) { return nil, refused } },
		"announce": func(s *stage) {
			s.p.cfg.Announce = func(uint16, transport.File, int, int, int) error { return refused }
		},
		"no room": func(s *stage) {
			for _, n := range []int{4 << 20, 1 << 20} {
				mustTake(s.t, s.p, n)
			}
		},
	} {
		s := newStage(t, PoolConfig{MaxBytes: poolPart * manyBytes})
		s.fill = readsAll
		s.send()
		spoil(s)
		before := s.p.Stats()
		for range 64 * manyBytes / roundClass {
			s.send()
		}
		if s.many() {
			t.Errorf("%s: many blocks go round, and there are few", name)
		}
		if after := s.p.Stats(); after.Segments != before.Segments || after.Bytes != before.Bytes || after.Blocks != before.Blocks {
			t.Errorf("%s: %+v has become %+v", name, before, after)
		}
	}
}

// TestNotAfforded: no segment is made for a trial where others may need what it takes.
func TestNotAfforded(t *testing.T) {
	never := func(uint16) error { return nil }
	const n = 12
	for name, c := range map[string]struct {
		cfg   PoolConfig
		spoil func(p *Pool)
		yes   bool
	}{
		"afforded":         {yes: true},
		"half of the pool": {cfg: PoolConfig{MaxBytes: 10 << 20}, spoil: func(p *Pool) { p.bytes += 3 << 20 }},
		"many blocks":      {spoil: func(p *Pool) { p.blocks += transport.ReturnEntries * 3 / 4 }},
		"taken back never": {spoil: func(p *Pool) { p.cfg.Retire = nil }},
		"wanted by others": {spoil: func(p *Pool) { p.wanted = 1 }},
		"given to others":  {spoil: func(p *Pool) { p.giving = new(owned) }},
		"in /dev/shm":      {cfg: PoolConfig{Form: FormShm}},
		"as files":         {cfg: PoolConfig{Form: FormFile}},
		"SysV":             {cfg: PoolConfig{Form: FormSysV}},
		"closed":           {spoil: func(p *Pool) { p.closed.Store(true) }},
		"just half":        {cfg: PoolConfig{MaxBytes: 8 << 20}, yes: true},
		"there already":    {spoil: func(p *Pool) { p.shelves[p.shelfFor(roundClass)].total = manyBytes / roundClass }},
	} {
		c.cfg.Retire = never
		p, known := heapPool(c.cfg)
		mustTake(t, p, roundClass)
		if c.spoil != nil {
			c.spoil(p)
		}
		before := p.inUse
		err := p.enlarge(p.shelfFor(roundClass))
		if (err == nil) != c.yes || (p.inUse > before) != c.yes || (len(known) == 2) != c.yes {
			t.Errorf("%s: enlarge: %v; %d segments are %d", name, err, before, p.inUse)
		}
	}
}

// TestRefusedSeldom: what was refused is asked for again, less and less often.
func TestRefusedSeldom(t *testing.T) {
	s := newStage(t, PoolConfig{})
	s.fill = readsAll
	s.send()
	asked := 0
	s.p.create = func(int) (*Memory, error) { asked++; return nil, errors.New("refused") }
	const rounds = 4 * mostRest
	for range rounds * manyBytes / roundClass {
		s.send()
	}
	if asked < 4 || asked > 12 {
		t.Errorf("asked for %d times in %d rounds", asked, rounds)
	}
	asked = 0
	for range rounds * manyBytes / roundClass {
		s.send()
	}
	if asked < 3 || asked > 5 {
		t.Errorf("asked for %d times in the next %d rounds", asked, rounds)
	}
}

// TestWidenedAside: while it takes long until a segment for a trial has been announced, and
// when the pool is closed meanwhile, blocks that are there can be taken.
func TestWidenedAside(t *testing.T) {
	for _, closes := range []bool{false, true} {
		asked, answer, done := make(chan bool), make(chan error), make(chan bool)
		first := true
		s := newStage(t, PoolConfig{Announce: func(uint16, transport.File, int, int, int) error {
			if first {
				first = false
				return nil
			}
			asked <- true
			return <-answer
		}})
		s.p.spawn = func(f func()) { go func() { defer close(done); f() }() }
		s.fill = readsAll
		sent := make(chan bool)
		go func() {
			defer close(sent)
			for range 20 * manyBytes / roundClass {
				s.send()
			}
		}()
		<-asked
		select {
		case <-sent:
		case <-time.After(30 * time.Second):
			t.Fatal("Take waits for a segment that it does not need")
		}
		if s.many() {
			t.Error("many blocks go round, and there are few")
		}
		if closes {
			s.p.Close()
		}
		answer <- nil
		<-done
		if closes {
			if _, err := s.p.Take(roundClass); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("Take of a closed pool: %v", err)
			}
			continue
		}
		if st := s.p.Stats(); st.Segments != 2 || st.Blocks-st.Free != st.Taken+st.Lent {
			t.Errorf("the pool has %+v", st)
		}
		for range 100 * manyBytes / roundClass {
			s.send()
		}
		if !s.many() {
			t.Error("few blocks go round of a user that reads all")
		}
	}
}

// TestRoundTogether: several goroutines send, and trials follow each other.
func TestRoundTogether(t *testing.T) {
	var busy sync.Mutex // the user: it takes blocks from all
	p, _ := heapPool(PoolConfig{Retire: func(uint16) error { return nil }})
	p.now = sync.OnceValue(func() time.Duration { return 0 })
	r := newReturns()
	p.Switch(r, 0)
	k := p.shelfFor(roundClass)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				b, err := p.Take(roundClass)
				if err != nil {
					t.Errorf("Take: %v", err)
					return
				}
				b.Mem[0] = 1
				p.Lent(b, 1)
				busy.Lock()
				giveBack(r, b.Ref)
				busy.Unlock()
			}
		})
	}
	all.Wait()
	p.Collect()
	p.mu.Lock()
	sh := &p.shelves[k]
	if len(sh.free) != sh.total || sh.total < sh.blocks || sh.rest <= firstRest {
		t.Errorf("%d of %d blocks are free; the last rest had %d rounds", len(sh.free), sh.total, sh.rest)
	}
	p.mu.Unlock()
}
