//go:build !linux

package sys

import "runtime"

// Yield lets other work have this core.
func Yield() { runtime.Gosched() }
