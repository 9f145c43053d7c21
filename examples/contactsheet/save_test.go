package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onlyFiles fails if dir holds anything but names.
func onlyFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the folder holds %q, want %q", got, names)
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sheet.png")
	for _, content := range []string{"first", "second, which replaces it"} {
		if err := save(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("the file holds %q (error %v), want %q", got, err, content)
		}
		onlyFiles(t, dir, "sheet.png")
	}
}

// TestSaveFails: the target became a folder meanwhile, so it cannot be
// replaced. Nothing may be left beside it.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sheet.png")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := save(path, []byte("x")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
	onlyFiles(t, dir, "sheet.png")
	if err := save(filepath.Join(dir, "missing", "sheet.png"), []byte("x")); err == nil {
		t.Error("a sheet was saved to a folder that does not exist")
	}
}

func TestCheckOut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"old.png": "x"})
	link := filepath.Join(dir, "link.png")
	if err := os.Symlink("old.png", link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	old, err := filepath.EvalSymlinks(filepath.Join(dir, "old.png"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := checkOut(link); err != nil || got != old {
		t.Errorf("a link leads to %s (error %v), want %s", got, err, old)
	}
	fresh := filepath.Join(dir, "new.png")
	if got, err := checkOut(fresh); err != nil || got != fresh {
		t.Errorf("a new file is %s (error %v)", got, err)
	}
	for path, want := range map[string]string{
		dir:                                 "is a folder",
		filepath.Join(dir, "no", "new.png"): "there is no folder",
		filepath.Join(old, "new.png"):       "cannot be used",
		os.DevNull:                          "not a regular file",
	} {
		if _, err := checkOut(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", path, err, want)
		}
	}
	onlyFiles(t, dir, "link.png", "old.png")
}
