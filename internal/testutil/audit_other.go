//go:build !linux

package testutil

func warmUp() {}

// addSystem lists nothing: the accounts are those of Linux.
func (all items) addSystem() {}
