//go:build !linux

package notify

import "runtime"

// Yield lets other goroutines run.
func Yield() { runtime.Gosched() }

// Pause does nothing here.
func Pause() {}
