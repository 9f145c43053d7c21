package sandbox

import "fmt"

// Paths lists what a thread may open from now on: files, and directories with
// everything below them.
type Paths struct {
	ReadOnly  []string // to read, list and execute
	ReadWrite []string // also to write, make, rename and remove
	Files     []string // to read and write, if they exist: for /dev/null and the like
}

// truncateABI is the first version of Landlock that guards against truncation.
const truncateABI = 3

// ABIError says that the kernel's Landlock cannot enforce all that Paths promises.
type ABIError struct{ ABI int }

func (e *ABIError) Error() string {
	return fmt.Sprintf("Landlock of version %d does not guard files against truncation; version %d does, from Linux 6.2 on", e.ABI, truncateABI)
}
