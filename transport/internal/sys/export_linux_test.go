package sys

var (
	Restore = restore // the second half of LeaveCPU
	Lines   = lines
)
