package segment

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/understudy-go/understudy/transport"
)

// Form is a way to get memory that several processes map. The numbers are part
// of the protocol.
type Form uint8

// The forms, the best one first. What they differ in is who can still write
// the memory, or take it away, when a process does not keep to the rules:
//
//	memfd  sealed: nobody but its creator can ever write it, nobody can shrink it
//	shm    a file in /dev/shm that never had a name, or lost it at once. Peers
//	       get a descriptor that cannot be mapped for writing; a process of the
//	       same user that means harm can open the file anew and write or cut it
//	sysv   shmget: attached for reading by peers, as long as somebody has it
//	       attached; among processes of one user it is as safe as shm
//	file   the same as shm in the directory for temporary files, or under a name that
//	       the caller chooses; on a disk the kernel also writes it there
const (
	FormAuto  Form = 0 // what UNDERSTUDY_SEGMENT says, or the first form that this machine allows
	FormMemfd Form = 1
	FormShm   Form = 2
	FormSysV  Form = 3
	FormFile  Form = 4
)

// formWords are the words of configuration, by form.
var formWords = map[Form]string{FormAuto: "auto", FormMemfd: "memfd", FormShm: "shm", FormSysV: "sysv", FormFile: "file"}

// String is the word of configuration.
func (f Form) String() string {
	if w, ok := formWords[f]; ok {
		return w
	}
	return fmt.Sprintf("Form(%d)", uint8(f))
}

// ParseForm finds the form that a word of configuration means; "" is FormAuto.
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

// Variable is the environment variable that chooses the form of all segments
// of a program for which nothing else is said. All processes of a program must
// see the same value, since it also says what they accept.
const Variable = "UNDERSTUDY_SEGMENT"

// program is the form that the environment chooses, read once.
var program = sync.OnceValues(func() (Form, error) {
	f, err := ParseForm(os.Getenv(Variable))
	if err != nil {
		return f, fmt.Errorf("%s: %w", Variable, err)
	}
	return f, nil
})

// resolve is the form that f stands for as far as configuration says so.
func resolve(f Form) (Form, error) {
	if f == FormAuto {
		return program()
	}
	return f, nil
}

// automatic is the forms that FormAuto tries, in this order. SysV segments come
// last since they are good for less: see Options.Keepable.
var automatic = []Form{FormMemfd, FormShm, FormFile, FormSysV}

// Support says whether this machine allows a form.
type Support struct {
	Form Form
	Err  error // why not: a *transport.LimitError where a limit is the reason; nil when it is allowed
}

// Probe tries every form once, with one page, and says why each one that this
// machine refuses is refused. The first one without an error is what FormAuto
// means. It may be called again: the answers are kept, and shared.
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

// probe says whether one page can be had of a form: nil, or why not.
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

// refusal is why a probe has found that this machine does not allow a form. It
// is nil also where nobody has asked yet: who makes a segment learns it anyway.
func refusal(f Form) error {
	probeMu.Lock()
	defer probeMu.Unlock()
	return probed[f]
}

// limited says whether err speaks of a limit, which is not for ever.
func limited(err error) bool {
	var l *transport.LimitError
	return errors.As(err, &l)
}

// unsealed says whether memory without seals is to be accepted from a peer that
// was told to use form f: only where there is nothing better.
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

// Sparse says that a segment of FormAuto takes memory when it is used, page by page, and
// not all of it at once: that it is a memfd, and the kernel promises more memory than it has.
func Sparse() bool { return !unsealed(FormAuto) && !promised() }

// vouched says whether a SysV segment is to be accepted from a peer that was
// told to use form f.
func vouched(f Form) bool {
	f, err := resolve(f)
	return err == nil && (f == FormSysV || f == FormAuto && unsealed(f))
}

// Create makes a segment of size bytes, rounded up to whole pages: zeroed and
// mapped for writing here; a peer maps it by way of File, read-only. Its space
// is reserved: that the memory ran out is an error of Create and no fault of
// whoever touches it later. name is for people who read /proc/PID/maps.
//
// The form is opt.Form. With FormAuto it is the first that this machine allows;
// when a limit of that form's own is in the way of this one segment, the next.
// Where the machine refuses, the error is a *transport.LimitError, or holds
// one for each form.
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
			// It has no room of its own that could be used up: the others
			// would take the same memory and descriptors.
			return nil, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
