package actor_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/segment"
)

// TestArena: a program says the same when its blocks are cut from one segment.
func TestArena(t *testing.T) {
	testutil.FileSize(t, 65<<20)
	if os.Getenv(blocksVar) != "" {
		t.Skip("this is one of them")
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run",
		"^(TestEchoSizes|TestTellOrderAcrossSizes|TestBuffers|TestUnreadSurvivesKill|TestDeathInHandFailsTheAsk|TestLentToFullQueue)$/^ring$")
	cmd.Env = append(os.Environ(), blocksVar+"=arena")
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Count(out, []byte("\n--- PASS")) != 6 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestArenaIsOneSegment: the word in the configuration reaches both sides of
// the lane. A pool needs a segment for each of these sizes.
func TestArenaIsOneSegment(t *testing.T) {
	testutil.FileSize(t, 65<<20)
	for _, s := range segment.Probe() {
		if s.Form == segment.FormMemfd && s.Err != nil {
			testutil.Refused(t, s.Err)
		}
	}
	count := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(maps, []byte("/memfd:understudy-blocks")) + bytes.Count(maps, []byte("/memfd:understudy-replies"))
	}
	before := count()
	ctx, _, ref := start(t, supervisor.Spec{}, supervisor.Child{Mailbox: mailbox.Config{Segment: "memfd", Blocks: "arena", PoolBytes: 24 << 20}})
	for _, n := range []int{5_000, 50_000, 500_000, 2_500_000} {
		data := bytes.Repeat([]byte("x"), n)
		if r, err := actor.Ask(ctx, ref, Echo{Text: "y", Data: data}); err != nil || !bytes.Equal(r.Data, data) {
			t.Fatal(n, err)
		}
	}
	if n := count() - before; n != 2 {
		t.Errorf("%d segments are mapped, want one of blocks and one of replies", n)
	}
	if err := (mailbox.Config{Blocks: "heap"}).Validate(); err == nil {
		t.Error("a policy that does not exist was accepted")
	}
}

// TestArenaQuarantine: the supervisor reads a block of several units.
func TestArenaQuarantine(t *testing.T) {
	testutil.FileSize(t, 65<<20)
	var mu sync.Mutex
	var payload []byte
	var size int
	ctx, _, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		mu.Lock()
		defer mu.Unlock()
		payload, size = append(payload, l.Payload...), l.Size
	}}, supervisor.Child{Mailbox: mailbox.Config{Blocks: "arena", PoolBytes: 8 << 20}})
	if _, err := actor.Ask(ctx, ref, Echo{Data: make([]byte, 5000)}); err != nil { // the last block is not the first
		t.Fatal(err)
	}
	const n = 40_000
	_, err := actor.Ask(ctx, ref, Do{What: "panic" + strings.Repeat(" ", n)})
	if d := new(actor.DeathError); !errors.As(err, &d) {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !bytes.Contains(payload, []byte("panic")) || bytes.Count(payload, []byte(" ")) < n {
		t.Errorf("the letter has %d bytes, %d of them spaces", len(payload), bytes.Count(payload, []byte(" ")))
	}
	if size <= n || len(payload) != size {
		t.Errorf("the letter says %d bytes, and has %d", size, len(payload))
	}
}

// TestUnreadSize: the letter of a large message that nobody has read says how large it is.
func TestUnreadSize(t *testing.T) {
	testutil.FileSize(t, 9<<20)
	letters := make(chan supervisor.Letter, 1)
	ctx, sup, ref := start(t, supervisor.Spec{OnLetter: func(l supervisor.Letter) {
		if strings.HasSuffix(l.Name, ".Note") { // the ask may be stopped before it is marked as done
			letters <- l
		}
	}}, supervisor.Child{Shutdown: supervisor.BrutalKill})
	const n = 40_000
	m, err := actor.Ask(ctx, ref, Add{})
	if err != nil {
		t.Fatal(err)
	}
	stopProcess(t, m.PID)
	if err := actor.Tell(ctx, ref, Note{Data: make([]byte, n)}); err != nil {
		t.Fatal(err)
	}
	if err := sup.Terminate(ctx, ref.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case l := <-letters:
		if l.Reason != supervisor.LetterUnread || l.Size < n {
			t.Errorf("%+v", l)
		}
	case <-time.After(testutil.HangGuard):
		t.Fatal("no letter")
	}
}
