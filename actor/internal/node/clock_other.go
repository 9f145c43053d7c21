//go:build !linux

package node

// readMonotonic has no clock to share: there are no lanes on this system.
func readMonotonic() int64 { return 0 }
