//go:build !linux

package supervisor

// reloading leaves state as it is: systemd is of Linux only.
func reloading(state string) string { return state }
