//go:build !faultinject

package fault

// Enabled says whether the program was built with the tag faultinject.
const Enabled = false

// Hit does nothing in this build.
func Hit(point string) {}
