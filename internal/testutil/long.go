package testutil

import (
	"os"
	"testing"
)

// LongVariable is the environment variable that asks for the long sweeps:
// UNDERSTUDY_LONG=1 go test ./...
const LongVariable = "UNDERSTUDY_LONG"

// Rounds is how often a test repeats what it does: long with UNDERSTUDY_LONG=1,
// usual without, and a tenth of usual, but once at least unless usual is 0, with
// -short or where the race detector makes everything ten times slower. What a test shows must
// be shown with the smallest of these numbers; more of them find rarer mistakes.
func Rounds(usual, long int) int {
	switch v := os.Getenv(LongVariable); {
	case v != "" && v != "0":
		return long
	case RaceEnabled || testing.Short():
		return min(usual, max(1, usual/10))
	}
	return usual
}
