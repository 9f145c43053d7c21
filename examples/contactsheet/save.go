package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkOut checks, before any work is done, that a sheet can be written to path. It
// returns the path to write to: if path is a symbolic link, that of its target.
func checkOut(path string) (string, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return "", fmt.Errorf("-out %s is a folder: give the name of a file in it, as in -out %s", path, filepath.Join(path, "sheet.png"))
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("-out %s is not a regular file (%v), and the sheet replaces the whole file: give another name", path, info.Mode().Type())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("-out %s cannot be used: %s", path, plain(err))
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("-out %s: there is no folder %s: create it first", path, dir)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return "", fmt.Errorf("-out %s: the folder %s cannot be written to (%v): give another place", path, dir, err)
	}
	return path, nil
}

// save writes a file so that path holds either all of data or what it held
// before, whatever happens. Nothing else is left behind.
func save(path string, data []byte) error {
	if saveUnnamed(path, data) == nil {
		return nil
	}
	// The file system does not support files without a name, or is full: the ordinary
	// way works, or its error says what is wrong.
	temp := tempName(path)
	err := os.WriteFile(temp, data, 0o644)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("the sheet cannot be written to %s: %s", path, plain(err))
	}
	return nil
}

// tempName is a hidden name beside path that no other process uses.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), ".contactsheet-"+strconv.Itoa(os.Getpid())+".tmp")
}
