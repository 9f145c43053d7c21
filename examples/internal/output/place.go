package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CanWrite returns an error if a file cannot be written, for programs that work for a
// while before they write it. It does not check pipes and devices, since opening one would
// use it.
func CanWrite(file string) error {
	dir := filepath.Dir(file)
	if i, err := os.Stat(dir); err != nil || !i.IsDir() {
		return fmt.Errorf("there is no folder %s: create it first", dir)
	}
	if i, err := os.Stat(file); err == nil && i.IsDir() {
		return errors.New("it is a folder: give the name of a file in it")
	} else if err == nil && !i.Mode().IsRegular() {
		return nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // try whether a file can be created there
		if f, err = os.CreateTemp(dir, ".understudy"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if p := new(fs.PathError); errors.As(err, &p) { // its path may be that of the temporary file
		err = p.Err
	}
	if err != nil {
		return fmt.Errorf("it cannot be written to (%w): give another place", err)
	}
	return f.Close()
}
