package segment

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/understudy-go/understudy/transport"
)

// Form is a kind of memory that several processes can map. The numbers are part
// of the protocol.
type Form uint8

// The forms, the best one first. They differ in who can still write the memory, or
// take it away, when a process breaks the rules:
//
//	memfd  sealed: nobody but its creator can ever write it, nobody can shrink it
//	shm    a file in /dev/shm that never had a name, or lost it at once. Peers
//	       get a descriptor that cannot be mapped for writing; a malicious process
//	       of the same user can open the file anew and write or truncate it
//	sysv   shmget: peers attach it for reading. It lives as long as somebody has it
//	       attached; among processes of one user it is as safe as shm
//	file   like shm, but in the directory for temporary files, or under a name that
//	       the caller chooses; on a disk, the kernel also writes it there
const (
	FormAuto  Form = 0 // what UNDERSTUDY_SEGMENT says, or the first form that this machine allows
	FormMemfd Form = 1
	FormShm   Form = 2
	FormSysV  Form = 3
	FormFile  Form = 4
)

// formWords are the names of the forms in configuration.
var formWords = map[Form]string{FormAuto: "auto", FormMemfd: "memfd", FormShm: "shm", FormSysV: "sysv", FormFile: "file"}

// String returns the form's name in configuration.
func (f Form) String() string {
	if w, ok := formWords[f]; ok {
		return w
	}
	return fmt.Sprintf("Form(%d)", uint8(f))
}

// ParseForm returns the form of the given name in configuration; "" is FormAuto.
func ParseForm(word string) (Form, error) {
	if word == "" {
		return FormAuto, nil
	}
	for f, w := range formWords {
		if w == word {
			return f, nil
		}
	}
	return FormAuto, fmt.Errorf(`segment: form %q: the forms are "auto", "memfd", "shm", "sysv" and "file"`, word)
}

// Variable is the environment variable that chooses the form of all segments of a
// program that are not configured otherwise. All processes of a program must see the
// same value, since it also determines what they accept.
const Variable = "UNDERSTUDY_SEGMENT"

// program returns the form that the environment chooses, read once.
var program = sync.OnceValues(func() (Form, error) {
	f, err := ParseForm(os.Getenv(Variable))
	if err != nil {
		return f, fmt.Errorf("%s: %w", Variable, err)
	}
	return f, nil
})

// resolve returns f, or the form that the environment chooses if f is FormAuto.
func resolve(f Form) (Form, error) {
	if f == FormAuto {
		return program()
	}
	return f, nil
}

// automatic lists the forms that FormAuto tries, in this order. SysV segments come
// last since they cannot serve for everything: see Options.Keepable.
var automatic = []Form{FormMemfd, FormShm, FormFile, FormSysV}

// Support says whether this machine allows a form.
type Support struct {
	Form Form
	Err  error // nil if it is allowed; a *transport.LimitError if a limit forbids it
}

// Probe tries every form with a segment of one page, and says which forms this
// machine refuses, and why. The first one without an error is what FormAuto means.
// Answers are kept for further calls, unless a limit was reached.
func Probe() []Support {
	s := make([]Support, 0, len(automatic))
	for _, f := range automatic {
		s = append(s, Support{f, probe(f)})
	}
	return s
}

var (
	probeMu sync.Mutex
	probed  = map[Form]error{}
)

// probe returns nil if one page of a form can be made, and otherwise why not.
func probe(f Form) error {
	probeMu.Lock()
	err, ok := probed[f]
	probeMu.Unlock()
	if ok {
		return err
	}
	m, err := create(f, "probe", roundUp(1), Options{}) // without the lock: it may probe another form
	if err == nil {
		err = m.Close()
	}
	if !limited(err) { // a limit may have been reached for this moment only
		probeMu.Lock()
		probed[f] = err
		probeMu.Unlock()
	}
	return err
}

// refusal returns why an earlier probe found that this machine does not allow a form.
// It is nil if there was no probe: making a segment shows it anyway.
func refusal(f Form) error {
	probeMu.Lock()
	defer probeMu.Unlock()
	return probed[f]
}

// limited reports whether err is about a limit, which may be temporary.
func limited(err error) bool {
	var l *transport.LimitError
	return errors.As(err, &l)
}

// unsealed reports whether memory without seals is accepted from a peer that was told
// to use form f: only if f asks for it, or this machine has nothing better.
func unsealed(f Form) bool {
	f, err := resolve(f)
	switch {
	case err != nil, f == FormMemfd:
		return false
	case f == FormShm, f == FormFile:
		return true
	}
	err = probe(FormMemfd)
	return err != nil && !limited(err)
}

// Sealed reports whether a segment of FormAuto has to be a memfd: a peer's memory of
// another form is refused.
func Sealed() bool { return !unsealed(FormAuto) }

// Sparse reports whether a segment of FormAuto takes memory page by page as it is used,
// not all at once: it is a memfd, and the kernel overcommits memory.
func Sparse() bool { return Sealed() && !promised() }

// vouched reports whether a SysV segment is accepted from a peer that was told to use
// form f.
func vouched(f Form) bool {
	f, err := resolve(f)
	return err == nil && (f == FormSysV || f == FormAuto && unsealed(f))
}

// Create makes a segment of size bytes, rounded up to whole pages, zeroed and mapped
// for writing. A peer maps it read-only through File. Its space is reserved, so that
// a lack of memory is an error of Create and not a fault when it is touched later.
// name is for people who read /proc/PID/maps.
//
// The form is opt.Form. FormAuto takes the first form that this machine allows, or
// the next one if a limit of the first form forbids this segment. If the machine
// refuses, the error is a *transport.LimitError, or wraps one for each form.
func Create(name string, size int, opt Options) (*Memory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("segment: create %s: %d bytes is not a size", name, size)
	}
	size = roundUp(size)
	form, err := resolve(opt.Form)
	if err != nil {
		return nil, err
	}
	if form == FormSysV && opt.Keepable {
		form = FormAuto
	}
	if form != FormAuto {
		return create(form, name, size, opt)
	}
	var errs []error
	for _, f := range automatic {
		if f == FormSysV && opt.Keepable {
			continue
		}
		if err := refusal(f); err != nil {
			errs = append(errs, err)
			continue
		}
		m, err := create(f, name, size, opt)
		if err == nil {
			return m, nil
		}
		if f == FormMemfd && probe(f) == nil {
			// Memfds have no space of their own that could be used up: the other
			// forms would need the same memory and descriptors.
			return nil, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
