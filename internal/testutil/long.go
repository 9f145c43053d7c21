package testutil

import (
	"os"
	"testing"
)

// LongVariable is the environment variable that asks for the long sweeps:
// UNDERSTUDY_LONG=1 go test ./...
const LongVariable = "UNDERSTUDY_LONG"

// Rounds returns how often a test should repeat its work: long with UNDERSTUDY_LONG=1, and
// usual without. With -short, and under the race detector, which makes everything ten
// times slower, it is a tenth of usual, but at least 1 unless usual is 0. A test must show
// what it is for with the smallest of these numbers; more rounds find rarer mistakes.
func Rounds(usual, long int) int {
	switch v := os.Getenv(LongVariable); {
	case v != "" && v != "0":
		return long
	case RaceEnabled || testing.Short():
		return min(usual, max(1, usual/10))
	}
	return usual
}
