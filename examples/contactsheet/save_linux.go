package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// saveUnnamed writes data to a file that has no name until it is complete, so
// that not even SIGKILL leaves a part of it.
func saveUnnamed(path string, data []byte) error {
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	name := func(as string) error {
		return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, as, unix.AT_SYMLINK_FOLLOW)
	}
	if err := name(path); !errors.Is(err, unix.EEXIST) {
		return err
	}
	// A link never replaces a file, a rename does.
	temp := tempName(path)
	if err := name(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return nil
}
