//go:build race

package testutil

import "os"

// RaceEnabled says whether the race detector is built in.
const RaceEnabled = true

// The race detector makes every process sleep for a second at its exit, which would add up
// for the hundreds of children of a test.
func init() { os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") }
