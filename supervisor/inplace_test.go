package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// Falter makes a node tell a FIFO that it has begun, wait until there is something in
// another one, and fail.
type Falter struct {
	actor.Tells[Node]
	Begun, Go string
}

func falter(_ *actor.Context, m Falter) error {
	if err := os.WriteFile(m.Begun, []byte{1}, 0); err != nil {
		return err
	}
	_, err := os.ReadFile(m.Go)
	return errors.Join(errors.New("it faltered"), err)
}

// TestKilledInPlaceIsHeard: an actor in place that is killed ends after the message in
// hand, and the dead letter of that message is heard.
func TestKilledInPlaceIsHeard(t *testing.T) {
	for _, below := range []bool{false, true} {
		name := "root"
		if below {
			name = "below"
		}
		t.Run(name, func(t *testing.T) {
			testutil.Audit(t)
			letters := make(chan supervisor.Letter, 10)
			ctx, sup, r := newSup(t, supervisor.Spec{Intensity: 10, OnLetter: func(l supervisor.Letter) { letters <- l }})
			under := sup
			if below {
				under, _, _ = startPair(t, ctx, sup, supervisor.Child{})
			}
			ref, err := supervisor.StartChild(ctx, under, node, supervisor.Child{Name: "in-place", InPlace: true})
			if err != nil {
				t.Fatal(err)
			}
			m := Falter{Begun: filepath.Join(t.TempDir(), "begun"), Go: filepath.Join(t.TempDir(), "go")}
			for _, name := range []string{m.Begun, m.Go} {
				if err := unix.Mkfifo(name, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := actor.Tell(ctx, ref, m); err != nil {
				t.Fatal(err)
			}
			if _, err := os.ReadFile(m.Begun); err != nil {
				t.Fatal(err)
			}
			if err := sup.Kill(ref.ID); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(m.Go, []byte{1}, 0); err != nil {
				t.Fatal(err)
			}
			r.until(t, ctx, "it has ended", func() bool { return len(r.kinds(supervisor.EventExited)) > 0 })
			select {
			case l := <-letters:
				if l.Reason != supervisor.LetterHandlerError || !strings.Contains(l.Text, "faltered") {
					t.Errorf("%+v", l)
				}
			default:
				t.Error("no letter")
			}
			if len(letters) > 0 {
				t.Errorf("one more: %+v", <-letters)
			}
		})
	}
}
