//go:build 386 || arm || mips || mipsle

package transport

// The library needs a 64-bit machine: processes share 64-bit words, sizes are
// counted in an int, and a message may be larger than 4 GiB. Elsewhere it does not
// compile, and this name, which is nowhere defined, says why.
const _ = this_library_needs_a_64_bit_GOARCH
