//go:build !linux

package confine

import (
	"errors"
	"os"
)

// Resources are the numbers of rlimits; none here.
var Resources map[string]int

// Namespaces are flags for namespaces; none here.
var Namespaces map[string]uintptr

// MountID is empty here.
func MountID() string { return "" }

// Enter does nothing here.
func Enter() {}

// Command fails: this needs Linux.
func Command(Spec, int) (env string, spec *os.File, err error) {
	return "", nil, errors.ErrUnsupported
}

// Refusals is empty here.
func Refusals(report *os.File) []Refusal { return nil }
