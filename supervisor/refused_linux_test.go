package supervisor_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/supervisor"
)

// machines are what machines refuse, and with which error.
var machines = []struct{ name, calls string }{
	{"container", "clone3:ENOSYS io_uring_setup:EPERM io_uring_enter:EPERM io_uring_register:EPERM ptrace:EPERM process_vm_readv:EPERM " +
		"userfaultfd:EPERM unshare:EPERM mbind:EPERM pidfd_getfd:EPERM"},
	{"older kernel", "clone3:ENOSYS io_uring_setup:ENOSYS futex_waitv:ENOSYS pidfd_open:ENOSYS pidfd_send_signal:ENOSYS close_range:ENOSYS " +
		"openat2:ENOSYS faccessat2:ENOSYS landlock_create_ruleset:ENOSYS statx:ENOSYS membarrier:ENOSYS rseq:ENOSYS " +
		"preadv2:EOPNOTSUPP pwritev2:EOPNOTSUPP MFD_NOEXEC_SEAL:EINVAL MADV_POPULATE_WRITE:EINVAL"},
	{"narrow profile", "memfd_create:EPERM futex_waitv:EPERM pidfd_open:EPERM pidfd_send_signal:EPERM close_range:EPERM openat2:EPERM faccessat2:EPERM " +
		"landlock_create_ruleset:EPERM seccomp:EPERM statx:EPERM membarrier:EPERM rseq:EPERM preadv2:EPERM pwritev2:EPERM MADV_POPULATE_WRITE:EPERM " +
		"sched_setaffinity:EPERM sched_getaffinity:EPERM getcpu:EPERM sched_yield:EPERM setpriority:EPERM mq_open:EPERM msgget:EPERM shmget:EPERM " +
		"copy_file_range:EPERM splice:EPERM sendfile:EPERM fallocate:EPERM prlimit64:EPERM"},
}

// TestRefusedCalls: a program that the machine refuses calls works, at most
// slower: it sends small and large messages, loses none that waits when an actor
// is killed, and leaves nothing behind, neither at its end nor when it is killed.
// A plain run refuses all that a machine does at once, with UNDERSTUDY_LONG=1
// each call alone, too, with every error.
func TestRefusedCalls(t *testing.T) {
	for i, m := range machines {
		t.Run(m.name, func(t *testing.T) { runRefused(t, strings.Fields(m.calls), i > 0) })
	}
	t.Run("narrow profile, pipes", func(t *testing.T) {
		runRefused(t, strings.Fields(machines[2].calls), false, "UNDERSTUDY_QUEUE=pipe", "UNDERSTUDY_NOTIFIER=eventfd")
	})
	if testutil.Rounds(0, 2) < 2 {
		return
	}
	alone := map[string]bool{}
	for _, m := range machines {
		for call := range strings.FieldsSeq(m.calls) {
			name, _, _ := strings.Cut(call, ":")
			for _, one := range []string{call, name + ":ENOSYS", name + ":EPERM"} {
				if one == "clone3:EPERM" {
					continue // the C library, which cgo links, makes no thread then
				}
				if !alone[one] {
					alone[one] = true
					t.Run(one, func(t *testing.T) { runRefused(t, []string{one}, true) })
				}
			}
		}
	}
}

func runRefused(t *testing.T, calls []string, killed bool, env ...string) {
	testutil.Audit(t)
	calls = slices.DeleteFunc(slices.Clone(calls), needed) // whose refusal a form that is named does not survive
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), rootVar+"=refused", testutil.RefuseVar+"="+strings.Join(calls, ",")), env...)
	if killed {
		cmd.Args = append(cmd.Args, "killed")
	}
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, testutil.HangGuard
	out, err := cmd.Output()
	var pids []int
	done := false
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		done = done || sc.Text() == "done"
		if pid, err := strconv.Atoi(sc.Text()); err == nil {
			pids = append(pids, pid)
		}
	}
	if !done || cmd.ProcessState.Success() == killed {
		t.Errorf("%v: %v\n%s%s", calls, err, out, &stderr)
	}
	allEnd(t, pids)
}

// needed says whether a form that this run is of needs a call.
func needed(call string) bool {
	name, _, _ := strings.Cut(call, ":")
	queue, segment := os.Getenv("UNDERSTUDY_QUEUE"), os.Getenv("UNDERSTUDY_SEGMENT")
	return name == "mq_open" && queue == "posix" || name == "msgget" && queue == "sysv" ||
		name == "shmget" && segment == "sysv" || name == "memfd_create" && segment == "memfd"
}

func init() { programs["refused"] = refusedProgram }

// Clerk counts what it gets.
type Clerk struct{}

type (
	Sheet struct {
		actor.Tells[Clerk]
		Seq  int
		Text []byte
	}
	Count   struct{ actor.Asks[Clerk, Counted] }
	Counted struct {
		PID, Incarnation int
		Seqs             []int
		Bytes            int
	}
	Leave struct{ actor.Asks[Clerk, Forked] } // starts a daemon
)

var clerk = actor.Define("clerk", func(s *actor.Setup[Clerk]) error {
	var all Counted
	actor.OnTell(s, func(_ *actor.Context, m Sheet) error {
		all.Seqs = append(all.Seqs, m.Seq)
		for _, b := range m.Text {
			if b != byte(m.Seq) {
				return fmt.Errorf("sheet %d has a %d in it", m.Seq, b)
			}
		}
		all.Bytes += len(m.Text)
		return nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Count) (Counted, error) {
		all.PID, all.Incarnation = os.Getpid(), c.Incarnation()
		return all, nil
	})
	actor.OnAsk(s, func(c *actor.Context, _ Leave) (Forked, error) { return startDaemon(c, Daemon{}) })
	return nil
})

// bureau is a supervisor in a process of its own.
var bureau = supervisor.Define("bureau", func() (supervisor.Spec, error) {
	return supervisor.Spec{Intensity: 100, Children: []supervisor.Child{{Name: "clerk", Actor: clerk}}}, nil
})

// refusedProgram does a bit of everything, prints the numbers of its processes,
// and ends, or kills itself.
func refusedProgram() {
	supervisor.Spec{Intensity: 100}.Run(func(ctx context.Context, sup *supervisor.Supervisor) error {
		ctx, cancel := context.WithTimeout(ctx, testutil.HangGuard)
		defer cancel()
		ref, err := supervisor.StartChild(ctx, sup, clerk, supervisor.Child{})
		if err != nil {
			return err
		}
		sub, err := supervisor.StartSubtree(ctx, sup, bureau, supervisor.Child{})
		if err != nil {
			return err
		}
		below, err := supervisor.Find(sub, clerk, "clerk")
		if err != nil {
			return err
		}
		cmd := shell("setsid sleep 1000 & echo $!; exec sleep 1000", supervisor.Command{Output: os.Stdout})
		if _, err := supervisor.StartCommand(ctx, sup, cmd, supervisor.Child{Name: "command"}); err != nil {
			return err
		}
		for _, c := range append(sup.Children(), sub.Children()...) {
			fmt.Println(c.PID)
		}
		if err := killClerk(ctx, ref, 0); err != nil {
			return fmt.Errorf("a clerk was killed: %w", err)
		}
		middle := 0
		for _, c := range sup.Children() {
			if c.Name == "bureau" {
				middle = c.PID
			}
		}
		if err := killClerk(ctx, below, middle); err != nil {
			return fmt.Errorf("the supervisor of a clerk was killed: %w", err)
		}
		for _, c := range append(sup.Children(), sub.Children()...) {
			fmt.Println(c.PID)
		}
		fmt.Println("done")
		if len(os.Args) > 1 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	})
}

// killClerk tells a clerk small and large messages, and kills it, or its
// supervisor: what it leaves behind ends with it, and its successor gets what is
// told to a clerk that has been stopped, or when the death is known.
func killClerk(ctx context.Context, ref actor.Ref[Clerk], above int) error {
	const small, large, n = 10, 1 << 20, 8
	next, bytes := 0, 0
	tell := func() error {
		bytes = 0
		for range n {
			size := small
			if next%2 == 1 {
				size = large
			}
			if err := actor.Tell(ctx, ref, Sheet{Seq: next, Text: slices.Repeat([]byte{byte(next)}, size)}); err != nil {
				return err
			}
			next, bytes = next+1, bytes+size
		}
		return nil
	}
	count := func(incarnation int) (c Counted, err error) {
		c, err = actor.Ask(ctx, ref, Count{})
		all := len(c.Seqs) == n && c.Bytes == bytes
		for i, seq := range c.Seqs {
			all = all && seq == next-len(c.Seqs)+i
		}
		if err == nil && (c.Incarnation != incarnation || !all) {
			err = fmt.Errorf("%+v; want %d bytes in %d messages up to %d, by incarnation %d", c, bytes, n, next-1, incarnation)
		}
		return c, err
	}
	if err := tell(); err != nil {
		return err
	}
	before, err := count(1)
	if err != nil {
		return err
	}
	daemon, err := actor.Ask(ctx, ref, Leave{})
	if err != nil {
		return err
	}
	fmt.Println(daemon.PID)
	down, _, err := actor.Monitor(ctx, ref)
	if err != nil {
		return err
	}
	victim := above
	if above == 0 { // one whose supervisor is killed would go on
		victim = before.PID
		if err := freeze(ctx, victim); err != nil {
			return err
		}
		if err := tell(); err != nil {
			return err
		}
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-down:
	case <-ctx.Done():
		return ctx.Err()
	}
	if above != 0 {
		if err := tell(); err != nil {
			return err
		}
	}
	after, err := count(2)
	if err != nil {
		return err
	}
	fmt.Println(after.PID)
	if alive(before.PID) || alive(daemon.PID) {
		return errors.New("it, or its daemon, is alive when its successor works")
	}
	return nil
}

// freeze stops a process, and returns when all its threads stand still.
func freeze(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	for !stopped(pid) {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
