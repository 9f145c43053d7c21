package confine

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/supervisor/internal/process"
	"github.com/understudy-go/understudy/transport/sandbox"
)

// Enter is called first in every process of the program, by an initializer that runs on
// the main thread. In a trampoline it does not return: it limits the process and executes
// the child. In a child that was limited it denies, in all threads, the calls that the
// trampoline could not deny. In other processes it does nothing.
func Enter() {
	if text, ok := os.LookupEnv(Variable); ok {
		os.Unsetenv(Variable)
		trampoline(text)
	}
	if text, ok := os.LookupEnv(lateVariable); ok {
		os.Unsetenv(lateVariable)
		nrs, err := parseLate(text)
		if err == nil {
			err = sandbox.Deny(nrs, true)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "understudy: limits: %v\n", err)
			os.Exit(1)
		}
	}
}

// trampoline does not return.
func trampoline(text string) {
	var specFD, reportFD int
	if _, err := fmt.Sscanf(text, "%d %d", &specFD, &reportFD); err != nil {
		fmt.Fprintf(os.Stderr, "understudy: %s is %q, but this process was not started by a supervisor; unset it\n", Variable, text)
		os.Exit(1)
	}
	unix.CloseOnExec(reportFD)
	report := os.NewFile(uintptr(reportFD), "report")
	s, err := readSpec(os.NewFile(uintptr(specFD), "limits"))
	if err != nil {
		send(report, []Refusal{{Limit: execution, Text: err.Error(), Errno: errnoOf(err), Fatal: true}})
		os.Exit(1)
	}
	refused, ok := s.apply()
	if ok {
		send(report, refused)
		refused = []Refusal{s.execute()}
	}
	send(report, refused)
	os.Exit(1)
}

func readSpec(f *os.File) (s Spec, err error) {
	defer f.Close()
	text, err := io.ReadAll(f)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// send writes refusals as lines of JSON.
func send(w io.Writer, refused []Refusal) {
	e := json.NewEncoder(w)
	for _, r := range refused {
		_ = e.Encode(r) // if nobody reads it, the exit still shows the failure
	}
}

// execute returns if it fails.
func (s *Spec) execute() Refusal {
	path, args, env := s.Path, s.Args, s.Env
	if path == "" {
		path, args, env = ownFile(), os.Args, os.Environ()
		if _, late := s.split(); len(late) > 0 {
			env = append(env, lateVariable+"="+lateText(late))
		}
	}
	err := unix.Exec(path, args, env)
	r := newRefusal(execution, path, err, "")
	r.Fatal = true
	switch {
	case err == unix.EACCES && s.Paths != nil:
		r.Remedy = "the file, or the loader of a dynamically linked program, is outside the paths that the child may read: list them (/lib, /lib64, /usr)"
	case err == unix.EACCES:
		r.Remedy = "the user that the child runs as must be allowed to execute the file"
	case err == unix.EAGAIN:
		r.Remedy = "RLIMIT_NPROC counts all processes of the user: raise it"
	case err == unix.ENOENT && strings.Contains(path, "/"):
		r.Remedy = "the file is gone, or its loader is"
	}
	return r
}

// ownFile is the path of this program's file, which names its process in process lists.
// If the file is gone, or the current user cannot reach it, the kernel's link is used
// instead.
func ownFile() string {
	const link = "/proc/self/exe"
	path, err := os.Readlink(link)
	if err != nil {
		return link
	}
	there, err := os.Stat(path)
	this, err2 := os.Stat(link)
	if err != nil || err2 != nil || !os.SameFile(there, this) || unix.Access(path, unix.X_OK) != nil {
		return link
	}
	return path
}

// Command returns what a process needs to be started as a trampoline for s: an
// environment variable, and the file spec for descriptor fd. Descriptor fd+1 has to be
// the write end of a pipe, from which the trampoline's report can be read until it has
// executed the child. The caller closes spec, whether the process was started or not.
func Command(s Spec, fd int) (env string, spec *os.File, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", nil, fmt.Errorf("limits: %w", err)
	}
	if spec, err = process.Text("limits", text); err != nil {
		return "", nil, fmt.Errorf("limits: %w", err)
	}
	return fmt.Sprintf("%s=%d %d", Variable, fd, fd+1), spec, nil
}

// Refusals reads a report to its end, and closes it.
func Refusals(report *os.File) (all []Refusal) {
	defer report.Close()
	d := json.NewDecoder(report)
	for {
		var r Refusal
		if d.Decode(&r) != nil {
			return all
		}
		all = append(all, r)
	}
}
