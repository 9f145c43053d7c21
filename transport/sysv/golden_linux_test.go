package sysv

import (
	"strings"
	"testing"
)

// TestGoldenRecord binds PROTOCOL.md to the registry file.
func TestGoldenRecord(t *testing.T) {
	const want = "understudy sysv queue 1\nkey 1a2b3c4d\nipc 4026531839\n"
	if got := record(0x1a2b3c4d, 4026531839); got != want {
		t.Errorf("%q", got)
	}
	key, space, err := parseRecord(strings.NewReader(want))
	if err != nil || key != 0x1a2b3c4d || space != 4026531839 {
		t.Errorf("%x %d %v", key, space, err)
	}
	if got := fileName(0x1a2b3c4d); got != "msg-1a2b3c4d" {
		t.Error(got)
	}
	for n := range len(want) {
		if _, _, err := parseRecord(strings.NewReader(want[:n])); err == nil {
			t.Errorf("%d bytes are a record", n)
		}
	}
	if _, _, err := parseRecord(strings.NewReader(want + "x")); err == nil {
		t.Error("a byte too many is a record")
	}
}
