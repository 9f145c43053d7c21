//go:build !linux

package sys

import "runtime"

// Yield lets other work have this core.
func Yield() { runtime.Gosched() }

// CPU returns 0: the processor is unknown here.
func CPU() uint32 { return 0 }

// LeaveCPU does nothing here.
func LeaveCPU() bool { return false }
