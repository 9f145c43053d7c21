package sys

// Restore is the second half of LeaveCPU.
var Restore = restore
