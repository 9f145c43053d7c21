//go:build !linux

package testutil

import "testing"

// FileSize does nothing here: only Linux has the forms that need it.
func FileSize(testing.TB, uint64) {}

// FileSizeAllows returns nil here.
func FileSizeAllows(uint64) error { return nil }
