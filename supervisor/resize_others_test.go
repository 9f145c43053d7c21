package supervisor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// TestResizeCountsMembers: what else was started below a pool is not a member, and stays.
func TestResizeCountsMembers(t *testing.T) {
	poolEverywhere(t, func(t *testing.T, at poolPlace) {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		_, pool := at(t, ctx, sup, supervisor.Pool{Size: 2})
		below := poolBelow(t, sup, pool.ID)
		if _, err := supervisor.StartSubtree(ctx, below, pairOfNodes, supervisor.Child{}); err != nil {
			t.Fatal(err)
		}
		if _, err := supervisor.StartSubtree(ctx, below, pairOfNodes, supervisor.Child{Name: "here", InPlace: true}); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 3, 2} {
			short, cancel := context.WithTimeout(ctx, testutil.HangGuard/4)
			err := sup.Resize(short, pool.ID, size)
			cancel()
			if n := len(below.Children()); err != nil || n != size+2 {
				t.Fatalf("%d: %d children, %v", size, n, err)
			}
		}
	})
}

// TestResizeAfterDelete: the member that takes the name of one that was deleted is alone in
// it, also when its pool is started again.
func TestResizeAfterDelete(t *testing.T) {
	poolEverywhere(t, func(t *testing.T, at poolPlace) {
		ctx, sup, _ := newSup(t, supervisor.Spec{})
		above, pool := at(t, ctx, sup, supervisor.Pool{Size: 2})
		below := poolBelow(t, sup, pool.ID)
		first := below.Children()[0]
		if err := errors.Join(below.Terminate(ctx, first.ID), below.Delete(ctx, first.ID), sup.Resize(ctx, pool.ID, 2)); err != nil {
			t.Fatal(err)
		}
		now := below.Children()
		if err := errors.Join(above.Terminate(ctx, pool.ID), above.Restart(ctx, pool.ID)); err != nil {
			t.Fatal(err)
		}
		then := below.Children()
		if len(then) != 2 || then[0].ID != now[0].ID || then[1].ID != now[1].ID || then[1].Name != first.Name || then[1].ID == first.ID {
			t.Errorf("the members %+v are now %+v", now, then)
		}
	})
}

// TestResizeOfTerminated: a member that was terminated, and waits for its turn to be
// started again, leaves its pool at once.
func TestResizeOfTerminated(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, sup, r := newSup(t, supervisor.Spec{})
	pool, err := supervisor.StartPool(ctx, sup, node, supervisor.Pool{Size: 2, Intensity: 5,
		Member: supervisor.Child{Env: []string{"NODE_SETUP=wait again", "NODE_PIPE=" + fifo}}})
	if err != nil {
		t.Fatal(err)
	}
	below := poolBelow(t, sup, pool.ID)
	members := below.Children()
	if err := below.Terminate(ctx, members[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := below.Kill(members[0].ID); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // its next incarnation reads that in its Setup
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	restarted, resized := make(chan error, 1), make(chan error, 1)
	go func() { restarted <- below.Restart(ctx, members[1].ID) }()
	for below.Children()[1].State != "waiting" {
		if ctx.Err() != nil {
			t.Fatal("it does not wait")
		}
	}
	go func() { resized <- sup.Resize(ctx, pool.ID, 1) }()
	select {
	case err = <-resized:
	case <-time.After(50 * time.Millisecond): // then it waits
		_ = below.Terminate(ctx, members[1].ID)
		err = <-resized
	}
	if err != nil || len(below.Children()) != 1 {
		t.Errorf("%v, %+v; %v", err, below.Children(), r.all())
	}
	if err := <-restarted; !errors.Is(err, supervisor.ErrTerminated) {
		t.Error(err)
	}
}

// poolBelow is the supervisor of the members of a pool.
func poolBelow(t *testing.T, sup *supervisor.Supervisor, id uint32) *supervisor.Supervisor {
	t.Helper()
	var search func(s *supervisor.Supervisor) *supervisor.Supervisor
	search = func(s *supervisor.Supervisor) *supervisor.Supervisor {
		for _, c := range s.Children() {
			if !c.Supervisor {
				continue
			}
			below, err := sup.Below(c.Name)
			if err != nil {
				t.Fatal(err)
			}
			if c.ID == id {
				return below
			}
			if found := search(below); found != nil {
				return found
			}
		}
		return nil
	}
	found := search(sup)
	if found == nil {
		t.Fatalf("no pool has number %d", id)
	}
	return found
}
