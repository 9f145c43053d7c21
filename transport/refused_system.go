//go:build !unix

package transport

// The library needs Linux to run and a Unix to compile: descriptors, sockets and
// signals are part of its interface. Elsewhere it does not compile, and this name,
// which is nowhere defined, says why.
const _ = this_library_needs_a_Unix_GOOS
