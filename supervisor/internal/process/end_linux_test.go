package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
)

// endVar says of which descendants a process of TestEnds is to end.
const endVar = "PROCESS_TEST_END"

// init holds the main thread where a test is about that thread.
func init() {
	if os.Getenv(endVar) != "" {
		runtime.LockOSThread()
	}
}

// TestEnds: descendants are ended whatever they have done, and whether /proc can be read
// or not: at their parent's end, and by whoever gets them at the end of their parent.
func TestEnds(t *testing.T) {
	testutil.Audit(t)
	for _, what := range []string{"leaderless", "daemons", "daemons, no descriptor left", "daemons, one descriptor left",
		"orphans", "orphans, no descriptor left", "orphans, one descriptor left",
		"daemons in a namespace", "daemons of its first process", "orphans in a namespace"} {
		t.Run(what, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), "PROCESS_TEST_ACT=end", endVar+"="+what)
			if strings.Contains(what, "namespace") || strings.Contains(what, "first") { // /proc shows another one
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL}
			}
			out, err := cmd.CombinedOutput()
			mustBeFine(t, cmd, out, err)
		})
	}
}

// EndThem is a process that has descendants and ends them, or one of those.
func EndThem(act string) {
	if act == "lose leader" {
		loseLeader()
	}
	if err := endThem(os.Getenv(endVar)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("fine")
	os.Exit(0)
}

func endThem(what string) (err error) {
	if strings.Contains(what, "namespace") && os.Getpid() == 1 {
		cmd := exec.Command("/proc/self/exe") // is not the first
		cmd.Env = append(os.Environ(), "PROCESS_TEST_ACT=end")
		out, err := cmd.CombinedOutput()
		if string(out) == "fine\n" {
			return nil
		}
		return fmt.Errorf("%s%v", out, err)
	}
	if rest, ok := strings.CutPrefix(what, "orphans"); ok {
		WithOrphans(func() { err = endBy(rest, EndOrphans) })
		return err
	}
	if err := BecomeSubreaper(); err != nil {
		return err
	}
	return endBy(what, EndDescendants)
}

func endBy(what string, end func()) error {
	begin := daemons
	if what == "leaderless" {
		begin = leaderless
	}
	pids, err := begin()
	if err != nil {
		return err
	}
	spare := 0
	if strings.Contains(what, "one descriptor") {
		spare = 1
	}
	if strings.Contains(what, "descriptor left") {
		if err := fewDescriptors(spare); err != nil {
			return err
		}
	}
	if end(); anyChildAlive() {
		for _, pid := range pids { // those above them wait for these
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		return fmt.Errorf("of %v some are alive", pids)
	}
	return nil
}

// fewDescriptors leaves this process only some.
func fewDescriptors(n int) error {
	next, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0) // the lowest that is free
	if err != nil {
		return err
	}
	unix.Close(next)
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = uint64(next + n)
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}

// daemons starts processes that leave this one's group, each with one below it.
func daemons() (pids []int, err error) {
	for range 3 {
		cmd := exec.Command("setsid", "sh", "-c", "(setsid sh -c 'echo $$; exec sleep 1000 >/dev/null' & wait) & wait")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return nil, fmt.Errorf("refused: %w", err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		pid, err2 := strconv.Atoi(strings.TrimSpace(line))
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		if pids = append(pids, pid); serving.Load() != nil { // it becomes an orphan, and is no child of os/exec
			if err := cmd.Process.Kill(); err != nil {
				return nil, err
			}
			_ = cmd.Wait()
		}
	}
	return pids, nil
}

// leaderless starts a process whose first thread has ended, while another goes on.
func leaderless() ([]int, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PROCESS_TEST_ACT=lose leader")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		switch {
		case err != nil:
			return nil, err
		case !isChild(unix.P_PID, pid, unix.WSTOPPED):
			return nil, errors.New("refused: seccomp")
		case strings.Contains(string(b), ") Z "):
			return []int{pid}, nil
		}
		runtime.Gosched()
	}
}

// loseLeader ends the first thread of this process, which has to be the calling one.
func loseLeader() {
	going := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(going)
		for {
			_ = unix.Pause()
		}
	}()
	<-going
	// The kernel ends a thread in this mode at the next call of nearly any kind.
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_STRICT, 0, 0, 0); err != nil {
		os.Exit(1)
	}
	_ = unix.Pause()
}
