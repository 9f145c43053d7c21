package actor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
	"github.com/understudy-go/understudy/transport/lane"
)

// TestUrgentOvertakes: urgent messages, told and asked, small and large, are
// handled before those that wait, and each class in the order sent.
func TestUrgentOvertakes(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWard(t, mailbox.Config{Queue: queue})
		free := w.busy()
		tellUrgent(w, Patient{N: 1})
		tellUrgent(w, Patient{N: 2, Data: filled(2, 6000)})
		tellUrgent(w, Emergency{N: 3, Data: filled(3, 7000)})
		tellUrgent(w, Patient{N: 4})
		tellUrgent(w, Emergency{N: 5, Data: filled(5, 100)})
		answer := make(chan error)
		go func() {
			n, err := actor.Ask(w.ctx, w.ref, Triage{N: 6})
			if err == nil && n != 6 {
				err = fmt.Errorf("%d was answered", n)
			}
			answer <- err
		}()
		// The ask is on its way by another goroutine: the order among the urgent
		// ones is that of these two, and its own is any.
		free()
		if err := <-answer; err != nil {
			t.Error(err)
		}
		if _, err := actor.Ask(w.ctx, w.ref, Closing{}); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(w.noted(), ", ")
		got = strings.Replace(got, ", triage 6", "", 1)
		if want := "busy 0, emergency 3, emergency 5, patient 1, patient 2, patient 4"; got != want {
			t.Errorf("it saw %s\nwant   %s", got, want)
		}
	})
}

// TestUrgentHasRoom: what is not urgent cannot fill the mailbox for what is.
func TestUrgentHasRoom(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWard(t, mailbox.Config{Queue: queue, Full: mailbox.Fail})
		free := w.busy()
		want := []string{"busy 0"}
		fill := func(send func(n uint64) error) (sent uint64) {
			for ; ; sent++ {
				if err := send(sent); errors.Is(err, actor.ErrFull) {
					return sent
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		patients := fill(func(n uint64) error { return actor.Tell(w.ctx, w.ref, Patient{N: n, Data: filled(n, 200)}) })
		urgent := fill(func(n uint64) error { return actor.Tell(w.ctx, w.ref, Emergency{N: n, Data: filled(n, 200)}) })
		if patients == 0 || urgent == 0 {
			t.Fatalf("%d and then %d urgent ones found room", patients, urgent)
		}
		for n := range urgent {
			want = append(want, fmt.Sprint("emergency ", n))
		}
		for n := range patients {
			want = append(want, fmt.Sprint("patient ", n))
		}
		free()
		w.sees(want...)
		t.Logf("%d, and %d urgent ones", patients, urgent)
	})
}

// TestUrgentSurvivesDeath: after a death all that was unread is handled, with the
// bytes that were sent: a block of a message that was overtaken is not free
// because more messages than were sent before it have been handled.
func TestUrgentSurvivesDeath(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWard(t, mailbox.Config{Queue: queue, PoolBytes: 64 << 10})
		free := w.busy()
		for n := range uint64(4) {
			tellUrgent(w, Patient{N: n, Data: filled(n, 5000)})
		}
		tellUrgent(w, Emergency{N: 10, Data: filled(10, 5000)})
		tellUrgent(w, Emergency{N: 11, Data: filled(11, 5000)})
		gate := filepath.Join(t.TempDir(), "gate")
		tellUrgent(w, Stall{Until: gate})
		free()
		w.sawSoFar(4) // three are dealt with, the fourth is in hand
		if err := w.sup.Kill(w.ref.ID); err != nil {
			t.Fatal(err)
		}
		w.sawSoFar(5) // by the heir: a death that was asked for is not charged to it
		for n := range uint64(3) {
			tellUrgent(w, Patient{N: 20 + n, Data: filled(20+n, 5000)}) // in blocks that have come back
		}
		tellUrgent(w, Emergency{N: 30, Data: filled(30, 5000)})
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.sees("busy 0", "emergency 10", "emergency 11", "stall 0", "stall 0", "emergency 30",
			"patient 0", "patient 1", "patient 2", "patient 3", "patient 20", "patient 21", "patient 22")
	})
}

// TestUrgentInHandAtDeath: an urgent message that kills its handler becomes a
// dead letter, or comes first again.
func TestUrgentInHandAtDeath(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		for _, redeliver := range []int{0, 2} {
			w := newWard(t, mailbox.Config{Queue: queue, Redeliver: redeliver})
			free := w.busy()
			tellUrgent(w, Patient{N: 1})
			tellUrgent(w, Crash{N: 2})
			tellUrgent(w, Patient{N: 3})
			tellUrgent(w, Emergency{N: 4})
			free()
			want := []string{"busy 0", "crash 2", "crash 2", "emergency 4", "patient 1", "patient 3"}
			if redeliver == 0 {
				want = append(want[:1], want[2:]...)
			}
			w.sees(want...)
			w.mu.Lock()
			letters := w.letters
			w.mu.Unlock()
			if redeliver > 0 && len(letters) > 0 {
				t.Errorf("dead letters although it was to be handled again: %+v", letters)
			}
			if redeliver == 0 && (len(letters) != 1 || letters[0].Reason != supervisor.LetterQuarantined || !strings.HasSuffix(letters[0].Name, ".Crash")) {
				t.Errorf("%d dead letters: %+v", len(letters), letters)
			}
		}
	})
}

// TestUrgentUnread: what is unread when an actor ends for good becomes dead
// letters, the urgent ones first.
func TestUrgentUnread(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWardOf(t, supervisor.Child{Restart: supervisor.Temporary, Mailbox: mailbox.Config{Queue: queue}})
		defer w.busy()()
		tellUrgent(w, Patient{N: 1})
		tellUrgent(w, Emergency{N: 2})
		tellUrgent(w, Patient{N: 3})
		if err := w.sup.Kill(w.ref.ID); err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(got) < 4 {
			if w.ctx.Err() != nil {
				t.Fatalf("dead letters: %s", got)
			}
			got = nil
			w.mu.Lock()
			for _, l := range w.letters {
				got = append(got, l.Name[strings.LastIndex(l.Name, ".")+1:]+" "+l.Reason.String())
			}
			w.mu.Unlock()
			runtime.Gosched()
		}
		q, u := supervisor.LetterQuarantined.String(), supervisor.LetterUnread.String()
		if want := []string{"Busy " + q, "Emergency " + u, "Patient " + u, "Patient " + u}; !slices.Equal(got, want) {
			t.Errorf("dead letters: %q, want %q", got, want)
		}
	})
}

// TestUrgentToAll: a message to many overtakes in each mailbox.
func TestUrgentToAll(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWard(t, mailbox.Config{Queue: queue})
		for _, size := range []int{100, 20_000} {
			if err := os.Truncate(w.notes, 0); err != nil {
				t.Fatal(err)
			}
			free := w.busy()
			tellUrgent(w, Patient{N: 1})
			if err := actor.TellAll(w.ctx, []actor.Ref[Clinic]{w.ref}, Emergency{N: 2, Data: filled(2, size)}); err != nil {
				t.Fatal(err)
			}
			free()
			w.sees("busy 0", "emergency 2", "patient 1")
		}
	})
}

// TestPrioritiesAreChosen: without a word for the form of queue the mailbox gets
// one that has priorities, and Explain says so; a word for another one is
// refused.
func TestPrioritiesAreChosen(t *testing.T) {
	best, err := lane.BestPrioritized()
	if err != nil {
		testutil.Refused(t, err)
	}
	for _, word := range []string{"", "auto", "ring", "pipe"} { // what the whole program prefers
		t.Setenv("UNDERSTUDY_QUEUE", word)
		w := newWard(t, mailbox.Config{})
		c, err := actor.Explain(w.ctx, w.ref, Emergency{})
		if err != nil || c.Queue != best.Name || !c.Urgent || !strings.Contains(c.WhyQueue, "Priorities") || !strings.Contains(c.WhyQueue, "allows") {
			t.Errorf("%q: %+v, %v", word, c, err)
		}
		if c, err := actor.Explain(w.ctx, w.ref, Patient{}); err != nil || c.Urgent || c.Queue != best.Name {
			t.Errorf("%q: %+v, %v", word, c, err)
		}
	}
	for _, word := range []string{"ring", "unix", "pipe"} {
		err := mailbox.Config{Queue: word, Priorities: true}.Validate()
		if e := (*mailbox.PriorityError)(nil); !errors.As(err, &e) || e.Queue != word || strings.Join(e.Forms, " ") != "sysv posix" || !strings.Contains(err.Error(), `"sysv", "posix"`) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

// TestUrgentRefused: where there are no priorities, an urgent message is an error
// at the start of its receiver, and for whoever sends it; a file cannot overtake.
func TestUrgentRefused(t *testing.T) {
	ctx, sup, ref := start(t, supervisor.Spec{}, supervisor.Child{})
	_, err := supervisor.StartChild(ctx, sup, clinic, supervisor.Child{Name: "plain", Env: []string{clinicVar + "=" + filepath.Join(t.TempDir(), "notes")}})
	if err == nil || !strings.Contains(err.Error(), "urgent message") || !strings.Contains(err.Error(), "mailbox.Config.Priorities") {
		t.Errorf("started without priorities: %v", err)
	}
	wrong := actor.Ref[Clinic]{ID: ref.ID} // it has no handler for it either
	for _, err := range []error{
		actor.Tell(ctx, wrong, Emergency{}),
		actor.TellAll(ctx, []actor.Ref[Clinic]{wrong}, Emergency{}),
		func() error { _, err := actor.Ask(ctx, wrong, Triage{}); return err }(),
		func() error { _, err := actor.Explain(ctx, wrong, Triage{}); return err }(),
	} {
		if e := (*mailbox.PriorityError)(nil); !errors.As(err, &e) || len(e.Forms) == 0 {
			t.Errorf("an urgent message to a mailbox without priorities: %v", err)
		}
	}
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWard(t, mailbox.Config{Queue: queue})
		err := actor.Tell(w.ctx, w.ref, Courier{What: actor.File{File: os.Stderr}})
		if !errors.Is(err, mailbox.ErrUrgentFile) || !strings.Contains(err.Error(), "send it with a message that is not urgent") {
			t.Errorf("an urgent file: %v", err)
		}
		w.sees() // it goes on
	})
}

// TestUrgentThroughSmallPool: large urgent messages get through while others fill
// the mailbox and its blocks without end.
func TestUrgentThroughSmallPool(t *testing.T) {
	onPriorities(t, func(t *testing.T, queue string) {
		w := newWard(t, mailbox.Config{Queue: queue, PoolBytes: 64 << 10})
		ctx, stop := context.WithCancel(w.ctx)
		var senders sync.WaitGroup
		for range 3 {
			senders.Go(func() {
				for ctx.Err() == nil {
					if err := actor.Tell(ctx, w.ref, Patient{Data: filled(0, 12_000)}); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
		w.sawSoFar(1) // so that there are others
		total := testutil.Rounds(100, 5000)
		for n := range total {
			tellUrgent(w, Emergency{N: uint64(n), Data: filled(uint64(n), 12_000)})
		}
		stop()
		senders.Wait()
		if _, err := actor.Ask(w.ctx, w.ref, Closing{}); err != nil {
			t.Fatal(err)
		}
		w.eachClass(map[string]string{"emergency": strings.TrimSpace(numbers(0, total))})
		if all := strings.Join(w.noted(), " "); strings.Contains(all, "spoilt") || !strings.Contains(all, "patient") {
			t.Errorf("it saw %.200s", all)
		}
	})
}
