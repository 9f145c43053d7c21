package mailbox

import "golang.org/x/sys/unix"

// roomFor reports whether the limits of this process allow its memory at least n bytes.
func roomFor(n uint64) bool {
	for _, resource := range []int{unix.RLIMIT_DATA, unix.RLIMIT_AS} {
		var r unix.Rlimit
		if unix.Getrlimit(resource, &r) != nil || r.Cur < n {
			return false
		}
	}
	return true
}
