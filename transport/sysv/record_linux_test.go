package sysv

import (
	"strings"
	"testing"
)

// FuzzRecord: a registry file, which any process of the user can write, is what record
// makes or is refused.
func FuzzRecord(f *testing.F) {
	f.Add(record(1, 4026531839))
	f.Add(record(1<<31-1, 1<<64-1))
	f.Add("understudy sysv queue 1\nkey -1\nipc +7\n")
	f.Add("understudy sysv queue 1\nkey 0x1\nipc 1\n")
	f.Add("understudy sysv queue 1\nkey 100000000\nipc 1\n")
	f.Add(record(7, 7) + "and more")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		key, space, err := parseRecord(strings.NewReader(s))
		if err == nil && record(key, space) != s {
			t.Errorf("%q read as key %x, ipc %d", s, key, space)
		}
	})
}
