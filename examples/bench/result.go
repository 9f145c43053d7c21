package main

// Result is one run of one workload. Only what applies is set.
type Result struct {
	Work    string
	Run     int     `json:",omitempty"` // from 1
	Err     string  `json:",omitempty"` // why it failed
	N       int     `json:",omitempty"` // operations
	Mean    float64 `json:",omitempty"` // ns
	P50     float64 `json:",omitempty"` // ns
	P99     float64 `json:",omitempty"` // ns
	Rate    float64 `json:",omitempty"` // messages/s; blob: GB/s
	CPU     float64 `json:",omitempty"` // ns of all processes per operation
	Ops     uint64  `json:",omitempty"` // operations with those of the warm-up, which the next two are about
	Mallocs uint64  `json:",omitempty"` // objects that sender and receiver allocated
	Calls   uint64  `json:",omitempty"` // system calls of all processes; in a separate result
	Slowest float64 `json:",omitempty"` // fanin: the slowest sender's rate as a share of the mean rate
	Start   int64   `json:",omitempty"` // fanin: CLOCK_MONOTONIC, ns
	End     int64   `json:",omitempty"`
	Idle    *Idle   `json:",omitempty"` // idle
	Counts  []int   `json:",omitempty"` // beside: operations in each window, the first of which began at Start
}

// Idle is what mailboxes cost to which nothing is sent.
type Idle struct {
	CPU         float64 // of all processes, share of one processor
	Resident    float64 // of the root process, private and shared, for each mailbox, bytes
	Threads     int     // of the root process
	Descriptors float64 // of the root process, for each mailbox
	Mappings    float64 // likewise
}
