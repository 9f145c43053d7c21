package cpu

// Line is the size of a cache line in bytes: 64 on amd64 and on most arm64.
const Line = 64
