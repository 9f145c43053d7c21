package sysv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-go/understudy/internal/testutil"
	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/internal/sys"
)

// registry gives the test a registry of its own, which must be gone at its end. It
// sees no other: that of the programs which run at the same time is theirs.
func registry(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	was := known
	t.Cleanup(func() { known = was })
	known = func() []string { return nil }
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(dir, "understudy")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the registry is still there: %v", err)
		}
	})
	return filepath.Join(dir, "understudy")
}

// write makes a registry file that nobody holds.
func write(t *testing.T, dir string, k uint32, text string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName(k))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRegistryRemoved: somebody cleans up the registry while queues are in use. Those
// work on and go with their last user, and new ones have a registry again. Only
// who is killed with everybody else after that leaves a queue that no later
// program finds.
func TestRegistryRemoved(t *testing.T) {
	dir := registry(t)
	f := newQueue(t)
	defer f.Close()
	k := key(t, f)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	port := newPort(f)
	defer port.Close()
	m := make([]byte, 64)
	putType(m, first)
	if err := port.Send(m); err != nil {
		t.Fatal(err)
	}
	if n, err := port.Receive(m); err != nil || n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	g := newQueue(t)
	defer g.Close()
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	for _, x := range []*os.File{f, g} {
		if err := Remove(x); err != nil {
			t.Error(err)
		}
	}
	if exists(k) || exists(key(t, g)) {
		t.Error("a queue is left")
	}
}

// TestKeyInUse: a key that has a file in the registry is left to it, also when nobody holds
// the file.
func TestKeyInUse(t *testing.T) {
	dir := registry(t)
	k := newKey()
	defer os.RemoveAll(dir)
	path := write(t, dir, k, "")
	if f, err := enter(k); err != unix.EEXIST {
		t.Errorf("%v, %v", f, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f, err := enter(k)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestNeverAnothers: a registry file that speaks of a queue which cannot be the
// one that was made for it removes nothing.
func TestNeverAnothers(t *testing.T) {
	dir := registry(t)
	foreign := func(t *testing.T) (k uint32) {
		k = newKey()
		id, err := sys.MsgCreate(k)
		if err != nil {
			testutil.Refused(t, err)
		}
		t.Cleanup(func() {
			if err := sys.MsgRemove(id); err != nil {
				t.Errorf("another program's queue was removed: %v", err)
			}
		})
		return k
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T) string // the file
		left bool                      // the file stays
	}{
		{"older than the file", func(t *testing.T) string {
			k := foreign(t)
			path := write(t, dir, k, record(k, ipcSpace()))
			later := time.Now().Add(time.Hour)
			if err := os.Chtimes(path, later, later); err != nil {
				t.Fatal(err)
			}
			return path
		}, false},
		{"cut off", func(t *testing.T) string {
			k := foreign(t)
			return write(t, dir, k, record(k, ipcSpace())[:30])
		}, false},
		{"never made", func(t *testing.T) string { k := newKey(); return write(t, dir, k, record(k, ipcSpace())) }, false},
		{"of another namespace", func(t *testing.T) string {
			k := foreign(t)
			return write(t, dir, k, record(k, ipcSpace()+1))
		}, true},
		{"of another user", func(t *testing.T) string {
			if os.Geteuid() != 0 {
				t.Skip("skipped: only root can make queues of another user")
			}
			k := newKey()
			path := write(t, dir, k, record(k, ipcSpace()))
			testutil.Start(t, "sysv of another user", testutil.Spec{Args: []string{fmt.Sprint(k)}}).Succeeds()
			t.Cleanup(func() {
				id, err := sys.MsgOpen(k)
				if err == nil {
					err = sys.MsgRemove(id)
				}
				if err != nil {
					t.Errorf("another user's queue was removed: %v", err)
				}
			})
			return path
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.make(t)
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			p := newPort(f)
			if err := p.Send(make([]byte, 64)); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("a message was sent: %v", err)
			}
			p.Close()
			if err := Sweep(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(path); (err == nil) != c.left {
				t.Errorf("the file: %v", err)
			}
			os.Remove(path)
			os.Remove(dir)
		})
	}
}

// TestRegistryIsPrivate: a directory that others could write is not used.
func TestRegistryIsPrivate(t *testing.T) {
	dir := registry(t)
	for _, c := range []struct {
		name string
		make func() error
	}{
		{"mode", func() error {
			if err := os.Mkdir(dir, 0o777); err != nil {
				return err
			}
			return os.Chmod(dir, 0o755)
		}},
		{"link", func() error { // to a directory that would be right
			to := t.TempDir()
			return errors.Join(os.Chmod(to, 0o700), os.Symlink(to, dir))
		}},
		{"owner", func() error {
			if os.Geteuid() != 0 {
				return os.WriteFile(dir, nil, 0o700) // only root can make a directory of another user
			}
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 65534, 65534))
		}},
		{"file", func() error { return os.WriteFile(dir, nil, 0o700) }},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		_, err := Create()
		if e := (*transport.LimitError)(nil); !errors.As(err, &e) || e.Remedy == "" {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := Sweep(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRuntimeDirectory: XDG_RUNTIME_DIR decides where the registry is if it is this user's
// alone, whatever the working directory.
func TestRuntimeDirectory(t *testing.T) {
	registry(t)
	dir := t.TempDir()
	t.Chdir(dir)
	for name, mode := range map[string]os.FileMode{"private": 0o700, "public": 0o755} {
		if err := errors.Join(os.Mkdir(name, 0o700), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for base, want := range map[string]bool{dir + "/private": true, dir + "/public": false, "private": false, dir + "/missing": false, "": false} {
		t.Setenv("XDG_RUNTIME_DIR", base)
		var none []string
		if got := registries(); want && !slices.Equal(got, []string{base + "/understudy"}) || !want && !slices.Equal(got, none) {
			t.Errorf("%q: %q", base, got)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", dir+"/private")
	twice := []string{dir + "/private/understudy"}
	known = func() []string { return twice }
	if got := registries(); !slices.Equal(got, twice) {
		t.Errorf("%q", got)
	}
}
