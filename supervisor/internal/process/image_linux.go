package process

import (
	"debug/elf"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/transport"
)

// The kernel counts more toward RLIMIT_DATA than what a program allocates:
//
//   - the variables of its executable. Whatever imports crypto/rand has 32 MiB of
//     them since Go 1.26, which are never touched outside of FIPS mode;
//   - if the C library is linked, as with cgo, the whole stack of each thread: usually
//     8 MiB, of which a Go program touches a few pages.
//
// A limit that did not allow for both would end a program that has allocated nothing,
// and the more processors the machine has, the sooner.

const (
	usualStack  = 2 << 20 // bytes of a thread's stack in the C library when RLIMIT_STACK is unlimited
	usualBeside = 8       // threads of a Go program besides one for each processor
)

// dataLimit is the RLIMIT_DATA of a process with limited memory, but at most what this
// process has itself, since more needs privilege.
func dataLimit(spec Spec) unix.Rlimit {
	n := spec.MemoryBytes + overhead(spec.Path)
	var own unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &own) == nil && spec.MemoryBytes <= own.Max {
		n = min(n, own.Max)
	}
	return unix.Rlimit{Cur: n, Max: n}
}

// dataError wraps err with the reason why that limit was refused.
func dataError(limit uint64, err error) error {
	var own unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &own) != nil || limit <= own.Max {
		return err
	}
	return &transport.LimitError{Op: fmt.Sprintf("limit its memory to %d bytes", limit), Limit: "RLIMIT_DATA", Value: own.Max,
		Remedy: "this process itself may not have more: choose a smaller Child.Memory, or raise the limit with ulimit -H -d or LimitDATA=", Err: err}
}

// overhead estimates how many bytes of RLIMIT_DATA a process of that executable takes
// before its program has allocated anything. It is 0 if the file cannot be read as an
// executable.
func overhead(path string) (n uint64) {
	f, err := elf.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	linked := false // with the C library
	for _, p := range f.Progs {
		switch {
		case p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0:
			n += p.Memsz
		case p.Type == elf.PT_INTERP:
			linked = true
		}
	}
	if linked {
		stack := rlimit(unix.RLIMIT_STACK)
		if stack == unix.RLIM_INFINITY {
			stack = usualStack
		}
		n += stack * uint64(usualBeside+runtime.NumCPU())
	}
	return n
}
