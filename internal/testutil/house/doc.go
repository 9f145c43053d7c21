// Package house holds the rules of the repository as tests.
//
// A rule is a subtest with a sentence that says how to obey it. The rules
// read source text only: they need no network, no build and a few seconds, so
// that `go test ./...` is the one gate a change has to pass.
//
//	repository ──files──▶ tree ──parsed once──▶ rule, rule, rule ──▶ file:line: what, how to fix it
//
// The rules keep the walls of the house: which floor may import which, where
// unsafe and raw system calls live, that everything exported is explained, and
// that files and functions can be held in the head.
//
// Non-goals: style beyond gofmt, and anything that go vet already says.
package house
