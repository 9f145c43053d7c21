// Package house holds the rules of the repository as tests.
//
// A rule is a subtest with a sentence that says how to obey it. The rules only read source
// text: they need no network, no build and only a few seconds. So `go test ./...` is the
// one gate that a change has to pass.
//
//	repository ──files──▶ tree ──parsed once──▶ rule, rule, rule ──▶ file:line: what, how to fix it
//
// The rules keep the walls of the house: which layer may import which, where unsafe and
// raw system calls may be, that everything exported is documented, and that files and
// functions are small.
//
// Non-goals: style beyond gofmt, and anything that go vet already says.
package house
