package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// write makes files below dir, with the content that goes with their names.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func names(files []file) string {
	var all []string
	for _, f := range files {
		all = append(all, f.name)
	}
	return strings.Join(all, " ")
}

func TestListFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.JPG": "", "a.png": "x", "sub/c.gif": "y", "sub/deep/d.jpeg": "z", // by name, whatever is in them
		"no-extension": "\xff\xd8\xff\xe0", "wrong.txt": "GIF89a", "sub.dat": "\x89PNG\r\n\x1a\n", // by content
		"notes.txt": "hello", "empty": "", // neither
		".hidden.png": "x", ".git/e.png": "x", // hidden
		"sheet.png": "x", // the sheet of the last run
	})
	files, err := listFolder(dir, filepath.Join(dir, "sub", "..", "sheet.png"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(files), "a.png b.JPG no-extension sub.dat sub/c.gif sub/deep/d.jpeg wrong.txt"; got != want {
		t.Errorf("the pictures are %s, want %s", got, want)
	}
}

func TestListFolderErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"only/notes.txt": "no picture"})
	for _, c := range []struct{ dir, want string }{
		{filepath.Join(dir, "only"), "no JPEG, PNG or GIF"},
		{filepath.Join(dir, "missing"), "there is no folder"},
		{filepath.Join(dir, "only", "notes.txt"), "is not a folder"},
	} {
		if _, err := listFolder(c.dir, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", c.dir, err, c.want)
		}
	}
}

// TestListFolderOddFiles: what looks like a picture and cannot be read is
// listed, so that it gets a tile that says so.
func TestListFolderOddFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"target/real.png": "content", "empty.png": ""})
	if err := os.Symlink("nowhere", filepath.Join(dir, "lost.png")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := os.Symlink("target/real.png", filepath.Join(dir, "link.png")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.png"), 0o644); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "secret"), 0); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"empty.png": "the file is empty", "link.png": "", "lost.png": "no such file", "pipe.png": "not a regular file", "target/real.png": ""}
	if os.Geteuid() != 0 { // root reads everything
		want["secret/"] = "permission denied"
	}
	files, err := listFolder(dir, "")
	if err != nil || len(files) != len(want) {
		t.Fatalf("the pictures are %s (error %v), want %v", names(files), err, want)
	}
	for _, f := range files {
		var got []byte
		err := job{f}.read(func(n int) ([]byte, error) {
			got = make([]byte, n)
			return got, nil
		})
		reason, ok := want[f.name]
		switch {
		case !ok:
			t.Errorf("%s should not be listed", f.name)
		case reason == "" && (err != nil || string(got) != "content"):
			t.Errorf("%s: read %q, error %v", f.name, got, err)
		case reason != "":
			if _, ok := err.(*damagedError); !ok || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: error %v, want a *damagedError that says %q", f.name, err, reason)
			}
		}
	}
}

func TestFileBecomesShorter(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.png": "0123456789"})
	files, err := listFolder(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	err = job{files[0]}.read(func(n int) ([]byte, error) {
		return make([]byte, n), os.Truncate(filepath.Join(dir, "a.png"), 4)
	})
	if d, ok := err.(*damagedError); !ok || !strings.Contains(d.reason, "shorter") {
		t.Errorf("error %v, want that the file became shorter", err)
	}
}
