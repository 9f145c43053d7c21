package process

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Text returns a nameless file with that content, for one child to read once from
// beginning to end. It is a memfd or, if that is refused, a pipe that holds all of it.
func Text(name string, text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if refused(err) {
		return pipedText(name, text)
	}
	if err != nil {
		return nil, Limited("process: memfd", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err = f.Write(text); err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("process: memfd: %w", err)
	}
	return f, nil
}

// pipedText fails if the text does not fit into the pipe, since nobody reads it yet.
func pipedText(name string, text []byte) (*os.File, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, Limited("process: "+name+": pipe", err)
	}
	f := os.NewFile(uintptr(p[0]), name)
	defer unix.Close(p[1])
	_, _ = unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, len(text)) // small ones have room anyway
	for rest := text; len(rest) > 0; {
		n, err := unix.Write(p[1], rest)
		if err != nil && err != unix.EINTR {
			f.Close()
			return nil, fmt.Errorf("process: %s: %d bytes do not fit into a pipe (fs.pipe-max-size), and memfd_create is refused: allow it in the seccomp profile: %w", name, len(text), err)
		}
		rest = rest[max(n, 0):]
	}
	return f, nil
}
