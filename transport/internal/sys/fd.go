package sys

import "syscall"

// FD calls use with the descriptor of f, which stays open meanwhile. Unlike f.Fd, it
// never changes the descriptor's mode: the mode belongs to all processes that share the
// open file, and some of them may have it in a poller.
func FD(f interface{ Fd() uintptr }, use func(fd int) error) error {
	s, ok := f.(syscall.Conn)
	if !ok {
		return use(int(f.Fd()))
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = use(int(fd)) }); err != nil {
		return err
	}
	return inner
}
