//go:build race

package testutil

import "os"

// RaceEnabled says whether the race detector is built in.
const RaceEnabled = true

// The race detector makes every process sleep for a second at its exit, which
// the children of a test would do hundreds of times.
func init() { os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") }
