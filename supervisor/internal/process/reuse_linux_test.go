package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// roundsVar says how often a number is used again.
const roundsVar = "PROCESS_TEST_ROUNDS"

// TestPidReuse: a process has ended, and its number was given to one that has nothing to
// do with it. Nothing that is known of the first one can hit the second.
func TestPidReuse(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PROCESS_TEST_ACT=reuse", fmt.Sprint(roundsVar, "=", testutil.Rounds(5, 1000)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	mustBeFine(t, cmd, out, err)
}

// mustBeFine is the verdict on a process that says "fine", what was refused, or what is
// wrong.
func mustBeFine(t *testing.T, cmd *exec.Cmd, out []byte, err error) {
	t.Helper()
	switch text := strings.TrimSpace(string(out)); {
	case cmd.Process == nil:
		testutil.Refused(t, err)
	case strings.HasPrefix(text, "refused"):
		testutil.Refused(t, text)
	case text != "fine":
		t.Errorf("%s, %v", text, err)
	}
}

// ReuseNumbers is the first process of a PID namespace: it can choose the numbers of the
// next ones.
func ReuseNumbers() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err = errors.Join(err, unix.Mount("proc", "/proc", "proc", 0, "")); err != nil {
		return fmt.Errorf("refused: mount of /proc: %w", err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	s := NewStarter()
	defer s.Close()
	rounds, _ := strconv.Atoi(os.Getenv(roundsVar))
	for range rounds {
		if err := reuseNumber(s, sleep); err != nil {
			return err
		}
	}
	return nil
}

func reuseNumber(s *Starter, sleep string) error {
	p, err := s.Start(Spec{Path: sleep, Args: []string{"sleep", "1000"}, Env: os.Environ()})
	if err != nil {
		return err
	}
	was, ok := processOf(p.PID())
	far, err := NewFar(p.Descriptor(), os.Getpid())
	if err != nil || !ok {
		return fmt.Errorf("refused: %w", err)
	}
	defer far.Close()
	time.Sleep(20 * time.Millisecond) // two processes of one number differ by their start, in ticks of 10 ms
	if err := p.KillGroup(); err != nil {
		return err
	}
	<-p.Done()
	stranger, err := numbered(p.PID(), sleep)
	if err != nil {
		return err
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	for what, err := range map[string]error{"Signal": p.Signal(unix.SIGKILL), "KillGroup": p.KillGroup(), "Far.Kill": far.Kill()} {
		if !errors.Is(err, ErrDone) {
			return fmt.Errorf("%s: %v", what, err)
		}
	}
	was.kill()
	if !far.Over() || p.Descriptor() != nil {
		return errors.New("the first process is taken for alive")
	}
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, stranger.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil || info.Signo != 0 {
		return fmt.Errorf("the second process was killed: %v", err)
	}
	return nil
}

// numbered starts a process of that number, in a group of its own.
func numbered(pid int, sleep string) (*exec.Cmd, error) {
	for range 1000 { // the runtime's threads need numbers, too
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			return nil, fmt.Errorf("refused: %w", err)
		}
		cmd := exec.Command(sleep, "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		if cmd.Process.Pid == pid {
			return cmd, nil
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	return nil, errors.New("refused: the number is not given to anybody")
}
