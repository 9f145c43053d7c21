// Package perf counts the system calls of running processes, for the examples.
//
//	Count(pids) ── perf stat attaches ──► counting ── Stop ──► the number
package perf
