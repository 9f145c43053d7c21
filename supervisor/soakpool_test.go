package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

// crewSpot is a pool of the tree.
type crewSpot struct {
	path string
	pool supervisor.Pool
	// What is not done to it. A pool is calm if its members end for good only by Resize,
	// and fixed if they do not even by that.
	calm, fixed bool
	ref         actor.Ref[Crew]
}

// crewSpots are the pools, by the supervisor that they are below.
func crewSpots() map[string][]*crewSpot {
	const often = supervisor.MaxIntensity
	member := func(c supervisor.Child) supervisor.Child {
		c.Shutdown, c.Stderr = 500*time.Millisecond, io.Discard
		return c
	}
	quick := mailbox.Config{Full: mailbox.Fail, PoolBytes: 512 << 10}
	all := map[string][]*crewSpot{
		"": {
			{path: "turns", pool: supervisor.Pool{Size: 3, Intensity: often, Period: time.Hour,
				Member: supervisor.Child{Restart: supervisor.Transient, Env: []string{gangVar + "=1"}}}},
			{path: "keys", calm: true, fixed: true, pool: supervisor.Pool{Size: 3, Route: supervisor.ByKey, Intensity: often, Period: time.Hour,
				Member: supervisor.Child{Mailbox: mailbox.Config{RingBytes: 16 << 10, PoolBytes: 256 << 10, Redeliver: 3}}}},
			{path: "all", calm: true, pool: supervisor.Pool{Size: 3, Route: supervisor.Broadcast, Intensity: often, Period: time.Hour}},
		},
		"house": {
			{path: "house/least", pool: supervisor.Pool{Size: 2, Route: supervisor.LeastLoaded, Intensity: often, Period: time.Hour,
				Member: supervisor.Child{Mailbox: mailbox.Config{Queue: "unix"}}}},
			{path: "house/all", pool: supervisor.Pool{Size: 2, Route: supervisor.Broadcast, Intensity: 2, Period: time.Second,
				Member: supervisor.Child{Mailbox: quick}}},
		},
		"mill": {
			{path: "mill/turns", pool: supervisor.Pool{Size: 2, Intensity: often, Period: time.Hour,
				Member: supervisor.Child{Mailbox: mailbox.Config{Blocks: "arena", PoolBytes: 1 << 20, Redeliver: 2}}}},
			{path: "mill/keys", calm: true, fixed: true, pool: supervisor.Pool{Size: 2, Route: supervisor.ByKey, Intensity: often, Period: time.Hour}},
			{path: "mill/all", calm: true, pool: supervisor.Pool{Size: 2, Route: supervisor.Broadcast, Intensity: often, Period: time.Hour}},
		},
		"mill/shed": {
			{path: "mill/shed/least", pool: supervisor.Pool{Size: 2, Route: supervisor.LeastLoaded, Intensity: 2, Period: time.Second}},
			{path: "mill/shed/keys", pool: supervisor.Pool{Size: 2, Route: supervisor.ByKey, Intensity: often, Period: time.Hour}},
		},
	}
	for _, spots := range all {
		for _, s := range spots {
			s.pool.Name = s.path[strings.LastIndexByte(s.path, '/')+1:]
			s.pool.Member = member(s.pool.Member)
		}
	}
	return all
}

// crewSpec is a supervisor of those pools.
func crewSpec(path string) supervisor.Spec {
	spec := supervisor.Spec{Intensity: supervisor.MaxIntensity, Period: time.Hour}
	for _, s := range crewSpots()[path] {
		spec.Children = append(spec.Children, s.pool.Child(crew))
	}
	return spec
}

var (
	mill = supervisor.Define("mill", func() (supervisor.Spec, error) {
		spec := crewSpec("mill")
		spec.Children = append(spec.Children, supervisor.Child{Name: "shed", Subtree: millShed})
		return spec, nil
	})
	millShed = supervisor.Define("mill's shed", func() (supervisor.Spec, error) { return crewSpec("mill/shed"), nil })
)

type crewLetter struct {
	key Key
	to  uint32
}

// crewSoak is a tree of pools whose members and this process send each other
// messages of every kind, while processes are killed, stopped, terminated and replaced, and
// pools get other sizes.
type crewSoak struct {
	*testing.T
	ctx     context.Context
	sup     *supervisor.Supervisor
	spots   []*crewSpot
	posts   []Post
	singles []actor.Ref[Crew] // members of the group
	anchor  uint32            // the one of them to which nothing is done
	group   uint32
	dir     string

	mu      sync.Mutex
	letters []crewLetter
	blank   map[uint32]int // letters of unread messages whose bytes are lost, by sender
	strange []string       // letters that should not be
	notices []watchedPool
	did     map[string]int
	last    []string // what was done, in order
}

// watchedPool is one that has a monitor.
type watchedPool struct {
	notice <-chan actor.Down
	path   string
	at     int // so many things had been done
}

// TestSoakPools: whatever happens to the processes of a tree of pools, to its pools and to
// a group, in whatever order and at whatever moment: what was told is with one member, or with all,
// exactly once and in order, or is a dead letter of theirs; what was refused is with none;
// keys stay with their member; an answer comes from one member; a monitor of a pool
// gives one notice; pools get the size that they are to have; nothing gets stuck, and
// nothing is left.
func TestSoakPools(t *testing.T) {
	rounds := testutil.Rounds(0, 4000) // two minutes
	if rounds == 0 {
		t.Skip("a long sweep: " + testutil.LongVariable + "=1")
	}
	testutil.Threads(t, 1024)
	testutil.Audit(t)
	s := &crewSoak{T: t, dir: t.TempDir(), blank: map[uint32]int{}, did: map[string]int{}}
	t.Setenv(crewVar, s.dir)
	ctx, cancel := context.WithTimeout(context.Background(), testutil.HangGuard+time.Duration(rounds)*time.Second/2)
	defer cancel()
	sup, err := supervisor.New(ctx, supervisor.Spec{Intensity: supervisor.MaxIntensity, Period: time.Hour, Log: quiet,
		Pace: supervisor.Pace{Every: supervisor.Unpaced}, OnLetter: s.letter})
	if err != nil {
		t.Fatal(err)
	}
	defer sup.Shutdown()
	s.sup, s.ctx = sup, sup.Context(ctx)
	s.start()
	s.traffic(rounds)
	if ctx.Err() != nil {
		t.Fatal(ctx.Err())
	}
	s.settle()
	s.resizeAll()
	s.settle()
	stays := s.stays()
	sup.Shutdown()
	s.verdict(stays)
}

// traffic sends while it disturbs.
func (s *crewSoak) traffic(rounds int) {
	stop := make(chan struct{})
	var senders, disturbers sync.WaitGroup
	for range 3 {
		senders.Go(func() {
			d := newDriver(s.ctx, s.dir, 0, s.posts)
			defer d.close()
			for {
				select {
				case <-stop:
					return
				default:
					d.send()
				}
			}
		})
	}
	for range 3 {
		disturbers.Go(func() {
			for range rounds / 3 {
				s.disturb()
			}
		})
	}
	disturbers.Wait()
	close(stop)
	senders.Wait()
}

// verdict checks what has become of the messages, when nobody handles any more.
func (s *crewSoak) verdict(stays func(pool, id uint32) bool) {
	s.Helper()
	for _, m := range s.notices {
		select {
		case <-m.notice:
		case <-time.After(testutil.HangGuard / 8):
			s.Errorf("a monitor of %s gives no notice; then came %v", m.path, s.last[m.at:])
		}
		select {
		case d := <-m.notice:
			s.Errorf("a monitor of %s gives a second notice: %+v", m.path, d)
		default:
		}
	}
	b := s.books()
	if missing := s.missing(b, stays); len(missing) > 0 {
		s.Errorf("%d missing: %v", len(missing), head(missing))
	}
	wrong := b.wrong(func(id uint32) bool {
		return slices.ContainsFunc(s.posts, func(p Post) bool { return p.Ref.ID == id })
	})
	for _, p := range s.spots {
		if p.fixed {
			wrong = append(wrong, b.owners(p.ref.ID)...)
		}
	}
	if len(wrong) > 0 {
		s.Errorf("%d wrong: %s", len(wrong), strings.Join(head(wrong), "\n"))
	}
	if len(s.strange) > 0 {
		s.Errorf("%d strange letters: %s", len(s.strange), strings.Join(head(s.strange), "\n"))
	}
	if s.Failed() {
		s.Logf("last %v", s.last[max(0, len(s.last)-60):])
	}
	outcomes := map[byte]int{}
	for _, m := range b.all {
		outcomes[m.Class]++
	}
	s.Logf("%d sent, %d handled, %d letters, %v without their bytes; outcomes %v; %v", len(b.all), len(b.order), len(s.letters), s.blank, outcomes, s.did)
}

// start starts the tree.
func (s *crewSoak) start() {
	all := crewSpots()
	for _, spot := range all[""] {
		if _, err := supervisor.StartPool(s.ctx, s.sup, crew, spot.pool); err != nil {
			s.Fatal(err)
		}
	}
	house := crewSpec("house")
	house.Strategy = supervisor.RestForOne
	if _, err := s.sup.StartSupervisor(s.ctx, house, supervisor.Child{Name: "house"}); err != nil {
		s.Fatal(err)
	}
	if _, err := supervisor.StartSubtree(s.ctx, s.sup, mill, supervisor.Child{Stderr: io.Discard}); err != nil {
		s.Fatal(err)
	}
	for _, above := range []string{"", "house", "mill", "mill/shed"} {
		for _, spot := range all[above] {
			ref, err := supervisor.Find(s.sup, crew, spot.path)
			if err != nil {
				s.Fatal(err)
			}
			spot.ref = ref
			s.spots = append(s.spots, spot)
			s.posts = append(s.posts, Post{Ref: ref, Many: spot.pool.Route == supervisor.Broadcast})
		}
	}
	group, err := actor.Group[Crew](s.ctx, gang)
	if err != nil {
		s.Fatal(err)
	}
	s.group = group.ID
	s.posts = append(s.posts, Post{Ref: group, Many: true})
	for _, name := range []string{"anchor", "g1", "g2"} {
		ref, err := supervisor.StartChild(s.ctx, s.sup, crew, supervisor.Child{Name: name, Env: []string{gangVar + "=1"}, Stderr: io.Discard, Shutdown: 500 * time.Millisecond})
		if err != nil {
			s.Fatal(err)
		}
		if name == "anchor" {
			s.anchor = ref.ID
		} else {
			s.singles = append(s.singles, ref)
		}
	}
}

func (s *crewSoak) letter(l supervisor.Letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(l.Name, "/actor.") || strings.HasSuffix(l.Name, ".Muster") || strings.HasSuffix(l.Name, ".Enlist") {
		return // a piece of a stream, which its sender sees broken; or a question of the test's own
	}
	key, ok := keyIn(l.Payload)
	switch {
	case l.Reason != supervisor.LetterUnread && l.Reason != supervisor.LetterQuarantined:
		s.strange = append(s.strange, fmt.Sprintf("%+v", l))
	case ok:
		s.letters = append(s.letters, crewLetter{key, l.To})
	case l.Reason == supervisor.LetterUnread && len(l.Payload) == 0:
		s.blank[l.From]++
	default:
		s.strange = append(s.strange, fmt.Sprintf("%+v", l))
	}
}

// note records what was done.
func (s *crewSoak) note(what, path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did[what]++
	if err != nil {
		s.did[what+" failed"]++
		path += " (" + err.Error() + ")"
	}
	s.last = append(s.last, what+" "+path)
}

// above is the supervisor above a path.
func (s *crewSoak) above(path string) (*supervisor.Supervisor, error) {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return s.sup.Below(path[:i])
	}
	return s.sup, nil
}

// disturb does something to one of the pools, or to a process.
func (s *crewSoak) disturb() {
	defer s.pause(rand.IntN(40))
	spot := s.spots[rand.IntN(len(s.spots))]
	ctx, cancel := context.WithTimeout(s.ctx, time.Duration(1+rand.IntN(2000))*time.Millisecond)
	defer cancel()
	above, err := s.above(spot.path)
	if err != nil {
		return // it is being restarted
	}
	pool, err := above.Below(spot.pool.Name)
	if err != nil {
		return
	}
	members := pool.Children()
	if len(members) == 0 {
		return
	}
	m := members[rand.IntN(len(members))]
	what := [...]string{"sigkill", "sigkill", "kill", "stop", "replace", "resize", "resize", "resize", "member", "pool", "mill", "shed", "house", "group", "monitor", "pause", "all"}[rand.IntN(17)]
	where := spot.path
	switch what {
	case "sigkill":
		if m.PID > 0 {
			err = syscall.Kill(m.PID, syscall.SIGKILL)
		}
	case "kill":
		err = s.sup.Kill(m.ID)
	case "stop":
		err = s.stop(m)
	case "replace":
		err = s.sup.Replace(ctx, m.ID, supervisor.Replacement{})
	case "resize":
		if !spot.fixed {
			size := 1 + rand.IntN(4)
			where = fmt.Sprintf("%s to %d", where, size)
			err = s.sup.Resize(ctx, spot.ref.ID, size)
		}
	case "member":
		if !spot.calm {
			err = s.again(ctx, pool, m.ID)
		}
	case "pool":
		if !spot.calm {
			err = s.again(ctx, above, spot.ref.ID)
		}
	case "mill":
		s.killMill()
	case "shed":
		err = s.branchAgain(ctx, "mill/shed")
	case "house":
		err = s.branchAgain(ctx, "house")
	case "group":
		ref := s.singles[rand.IntN(len(s.singles))]
		where = fmt.Sprint(ref.ID)
		if pid := pidBelow(s.sup, ref.ID); rand.IntN(2) == 0 && pid > 0 {
			err = syscall.Kill(pid, syscall.SIGKILL)
		} else {
			_, err = actor.Ask(ctx, ref, Enlist{Leave: rand.IntN(2) == 0})
		}
	case "monitor":
		ch, _, e := actor.Monitor(ctx, spot.ref)
		if err = e; err == nil {
			s.mu.Lock()
			s.notices = append(s.notices, watchedPool{ch, spot.path, len(s.last)})
			s.mu.Unlock()
		}
	case "all":
		err = pool.ReplaceAll(ctx, supervisor.Replacement{})
	}
	s.note(what, where, err)
}

func (s *crewSoak) killMill() {
	for _, c := range s.sup.Children() {
		if c.Name == "mill" && c.PID > 0 {
			_ = syscall.Kill(c.PID, syscall.SIGKILL)
		}
	}
}

// stop stops the process of a member for some time.
func (s *crewSoak) stop(m supervisor.ChildInfo) (err error) {
	if m.PID == 0 || syscall.Kill(m.PID, syscall.SIGSTOP) != nil {
		return nil
	}
	s.pause(rand.IntN([...]int{20, 20, 400}[rand.IntN(3)]))
	if rand.IntN(3) == 0 {
		err = s.sup.Kill(m.ID)
	}
	_ = syscall.Kill(m.PID, syscall.SIGCONT)
	return err
}

// again terminates a child, and restarts it.
func (s *crewSoak) again(ctx context.Context, above *supervisor.Supervisor, id uint32) error {
	err := above.Terminate(ctx, id)
	s.pause(rand.IntN(20))
	return errors.Join(err, above.Restart(s.ctx, id))
}

// branchAgain is again of a supervisor.
func (s *crewSoak) branchAgain(ctx context.Context, path string) error {
	above, err := s.above(path)
	if err != nil {
		return err
	}
	for _, c := range above.Children() {
		if c.Name == path {
			return s.again(ctx, above, c.ID)
		}
	}
	return nil
}

// pause lets others run for so many milliseconds.
func (s *crewSoak) pause(ms int) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-s.ctx.Done():
	}
}

// settle waits until all members run, have sent what they were to send, and have handled
// what came.
func (s *crewSoak) settle() {
	deadline := time.Now().Add(testutil.HangGuard / 2)
	for {
		s.restart("", s.sup)
		busy := 0
		refs := s.singles
		for _, spot := range s.spots {
			all, err := actor.Members(s.ctx, spot.ref)
			if err != nil {
				s.Fatalf("members of %s: %v", spot.path, err)
			}
			refs = append(refs, all...)
		}
		for _, ref := range append(refs, actor.Ref[Crew]{ID: s.anchor}) {
			ctx, cancel := context.WithTimeout(s.ctx, testutil.HangGuard/8)
			c, err := actor.Ask(ctx, ref, Muster{})
			cancel()
			if errors.As(err, new(*actor.GoneError)) || errors.As(err, new(*actor.DeathError)) {
				busy++
				continue
			}
			if err != nil {
				s.show()
				s.Fatalf("%d does not answer: %v", ref.ID, err)
			}
			busy += c.Working
		}
		var missing []*shipment
		if busy == 0 {
			if missing = s.missing(s.books(), s.stays()); len(missing) == 0 {
				return
			}
		}
		if time.Now().After(deadline) {
			s.show()
			s.Fatalf("stuck: %d at work, %d missing: %v", busy, len(missing), head(missing))
		}
		s.pause(10)
	}
}

// restart starts what was terminated and not restarted.
func (s *crewSoak) restart(path string, above *supervisor.Supervisor) {
	for _, c := range above.Children() {
		if c.State == "stopped" {
			_ = above.Restart(s.ctx, c.ID)
		}
		if !c.Supervisor {
			continue
		}
		name := c.Name[strings.LastIndexByte(c.Name, '/')+1:]
		if below, err := above.Below(name); err == nil {
			s.restart(path+name+"/", below)
		}
	}
}

// resizeAll gives each pool a size, and uses all members.
func (s *crewSoak) resizeAll() {
	d := newDriver(s.ctx, s.dir, 0, s.posts)
	defer d.close()
	for _, spot := range s.spots {
		ref, err := supervisor.Find(s.sup, crew, spot.path)
		if err != nil || ref != spot.ref {
			s.Errorf("%s was %v and is %v: %v", spot.path, spot.ref, ref, err)
			continue
		}
		if !spot.fixed {
			if err := s.sup.Resize(s.ctx, ref.ID, 3); err != nil {
				s.show()
				s.Errorf("%s: %v", spot.path, err)
			}
		}
		all, err := actor.Members(s.ctx, ref)
		if want := max(spot.pool.Size, 3); err != nil || !spot.fixed && len(all) != want {
			s.show()
			s.Errorf("%s has %d members: %v", spot.path, len(all), err)
		}
		for range 6 {
			ctx, cancel := context.WithTimeout(s.ctx, testutil.HangGuard/8)
			if spot.pool.Route == supervisor.Broadcast {
				err = tellPost(d, ctx, Post{Ref: ref, Many: true}, func(k Key) Chit { return Chit{Badge: Badge{k}} })
			} else {
				_, err = actor.Ask(ctx, ref, Call{Badge: Badge{d.next(ref.ID, false)}})
				d.asked(err)
			}
			cancel()
			if err != nil {
				s.show()
				s.Errorf("%s: %v", spot.path, err)
			}
		}
	}
}

// show logs what is known of the tree.
func (s *crewSoak) show() {
	var of func(sup *supervisor.Supervisor)
	of = func(sup *supervisor.Supervisor) {
		for _, c := range sup.Children() {
			s.Logf("%+v", c)
			if below, err := sup.Below(c.Name[strings.LastIndexByte(c.Name, '/')+1:]); err == nil && c.Supervisor {
				of(below)
			}
		}
	}
	of(s.sup)
	for _, spot := range s.spots {
		all, err := actor.Members(s.ctx, spot.ref)
		s.Logf("%s %v: %v %v", spot.path, spot.ref, all, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Logf("did %v, last %v", s.did, s.last[max(0, len(s.last)-60):])
}

func (s *crewSoak) books() *crewBooks {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := readCrew(s.dir, s.letters)
	if err != nil {
		s.Fatal(err)
	}
	return b
}

// stays says who is a member and always was, from when it was one.
func (s *crewSoak) stays() func(pool, id uint32) bool {
	members := map[uint32][]actor.Ref[Crew]{s.group: {{ID: s.anchor}}}
	for _, spot := range s.spots {
		if spot.calm {
			members[spot.ref.ID], _ = actor.Members(s.ctx, spot.ref)
		}
	}
	return func(pool, id uint32) bool { return slices.Contains(members[pool], actor.Ref[Crew]{ID: id}) }
}

// missing is what was told and is with nobody, beyond the letters without their bytes.
func (s *crewSoak) missing(b *crewBooks, stays func(pool, id uint32) bool) (missing []*shipment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blank := map[uint32]int{}
	for _, m := range b.missing(stays) {
		if blank[m.Sender]++; blank[m.Sender] > s.blank[m.Sender] {
			missing = append(missing, m)
		}
	}
	return missing
}
