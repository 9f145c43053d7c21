package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CanWrite says why a file cannot be written, for whoever works a while before it
// writes. A pipe or a device it leaves alone: to open one is to use it.
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
	if errors.Is(err, fs.ErrNotExist) { // it is to be made: another one can be made there, too
		if f, err = os.CreateTemp(dir, ".understudy"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if p := new(fs.PathError); errors.As(err, &p) { // whose path may be the other one's
		err = p.Err
	}
	if err != nil {
		return fmt.Errorf("it cannot be written to (%w): give another place", err)
	}
	return f.Close()
}
