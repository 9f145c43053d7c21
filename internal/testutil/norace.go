//go:build !race

package testutil

// RaceEnabled says whether the race detector is built in.
const RaceEnabled = false
