//go:build !linux

package testutil

import "testing"

// Refusing skips: only Linux can refuse calls.
func Refusing(t *testing.T, _ ...string) bool {
	t.Skip("system calls can be refused on Linux only")
	return false
}
