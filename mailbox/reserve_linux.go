package mailbox

import "golang.org/x/sys/unix"

// roomFor says that the limits of this process leave its memory room for n
// bytes at least.
func roomFor(n uint64) bool {
	for _, resource := range []int{unix.RLIMIT_DATA, unix.RLIMIT_AS} {
		var r unix.Rlimit
		if unix.Getrlimit(resource, &r) != nil || r.Cur < n {
			return false
		}
	}
	return true
}
