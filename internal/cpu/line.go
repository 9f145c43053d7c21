package cpu

// Line is how many bytes pass from one processor's cache to another's at a time: 64 on
// amd64 and on most of arm64.
const Line = 64
