//go:build !linux

package shared

import "sync/atomic"

func (w *waiter) sleep(*atomic.Uint32, uint32) error { return errUnsupported }

func wakeOne(*atomic.Uint32) bool { return false }

func wakeAll(*atomic.Uint32) {}
