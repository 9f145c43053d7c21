//go:build race

package codec_test

// Under the race detector, a sync.Pool drops some of what it is given.
const raceEnabled = true
