package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// listFolder lists the pictures in dir and the folders below it, by name. A
// file counts as a picture when its name ends like one or its first bytes are
// those of one. Hidden files and folders do not count, nor does except, the
// sheet of an earlier run. Files are opened one by one later, so that a large
// folder needs little memory.
//
// A picture that cannot be read is listed too, and fails when it is opened: silently
// missing pictures would be worse.
func listFolder(dir, except string) ([]file, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s: check the name, or leave it out to see the samples", dir)
	case err != nil:
		return nil, fmt.Errorf("the folder %s cannot be read: %s", dir, plain(err))
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder: give the folder that holds the pictures", dir)
	}
	skip, _ := os.Stat(except)
	root := os.DirFS(dir)
	var files []file
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return fmt.Errorf("the folder %s cannot be read: %s", dir, plain(err))
		case err != nil: // a folder that cannot be read
			files = append(files, file{name + "/", func() (io.ReadCloser, int64, error) { return nil, 0, err }})
			return fs.SkipDir
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !isPicture(root, name) || isFile(filepath.Join(dir, name), skip):
			return nil
		}
		files = append(files, file{name, func() (io.ReadCloser, int64, error) { return openFile(root, name) }})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no JPEG, PNG or GIF pictures in %s: give another folder, or leave it out to see the samples", dir)
	}
	// The walk returns a/b before a.png; by name a.png comes first.
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return files, nil
}

func isPicture(root fs.FS, name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif":
		return true
	}
	f, _, err := openFile(root, name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 8)
	n, _ := io.ReadFull(f, head)
	return hasMagic(string(head[:n]))
}

// hasMagic says whether a file that begins like head is a picture.
func hasMagic(head string) bool {
	for _, magic := range []string{"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF87a", "GIF89a"} {
		if strings.HasPrefix(head, magic) {
			return true
		}
	}
	return false
}

// isFile says whether path leads to the file that info describes.
func isFile(path string, info fs.FileInfo) bool {
	if info == nil {
		return false
	}
	other, err := os.Stat(path)
	return err == nil && os.SameFile(info, other)
}

// openFile opens a regular file. It looks before it opens: opening a named
// pipe would wait for a writer.
func openFile(root fs.FS, name string) (io.ReadCloser, int64, error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("it is not a regular file (%v)", info.Mode().Type())
	}
	f, err := root.Open(name)
	return f, info.Size(), err
}
