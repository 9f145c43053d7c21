package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

// TestNameIsTaken: as long as a start waits for its turn, the name that it asks for
// belongs to whoever has it: Find and Lookup find that child.
func TestNameIsTaken(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, sup, _ := newSup(t, supervisor.Spec{})
	sub, err := supervisor.StartSubtree(ctx, sup, pairOfNodes, supervisor.Child{})
	if err != nil {
		t.Fatal(err)
	}
	for path, s := range map[string]*supervisor.Supervisor{"x": sup, "pair/x": sub} {
		for kind, start := range map[string]func(name string) (uint32, error){
			"actor": func(name string) (uint32, error) {
				ref, err := supervisor.StartChild(ctx, s, node, supervisor.Child{Name: name})
				return ref.ID, err
			},
			"pool": func(name string) (uint32, error) {
				ref, err := supervisor.StartPool(ctx, s, node, supervisor.Pool{Name: name, Size: 1})
				return ref.ID, err
			},
		} {
			path, name := path+kind, "x"+kind
			x, err := start(name)
			if err != nil {
				t.Fatal(err)
			}
			present := make(chan error, 2)
			again := func(f func() error) {
				go func() { present <- f() }()
			}
			slow := make(chan error, 1)
			go func() {
				_, err := supervisor.StartChild(ctx, s, node, supervisor.Child{Name: "slow" + kind, Env: []string{"NODE_SETUP=wait", "NODE_PIPE=" + fifo}})
				slow <- err
			}()
			w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // it reads that in its Setup
			if err != nil {
				t.Fatal(err)
			}
			again(func() error { _, err := supervisor.StartChild(ctx, s, node, supervisor.Child{Name: name}); return err })
			again(func() error {
				_, err := supervisor.StartPool(ctx, s, node, supervisor.Pool{Name: name, Size: 1})
				return err
			})
			for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
				found, err := supervisor.Find(sup, node, path)
				if err != nil || found.ID != x {
					t.Fatalf("%s is number %d; found %d, %v", path, x, found.ID, err)
				}
				if found, err = actor.Lookup[Node](ctx, path); err != nil || found.ID != x {
					t.Fatalf("%s is number %d; looked up %d, %v", path, x, found.ID, err)
				}
			}
			w.Close()
			if err := <-slow; err != nil {
				t.Error(err)
			}
			for range 2 {
				if p, err := new(supervisor.PresentError), <-present; !errors.As(err, &p) || p.ID != x {
					t.Error(err)
				}
			}
		}
	}
}
