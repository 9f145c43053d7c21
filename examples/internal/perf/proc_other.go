//go:build !linux

package perf

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
