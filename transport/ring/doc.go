// Package ring is the queue form "ring": a queue in memory that two processes
// share, with one producer and one consumer and no lock between them.
//
//	          head                      tail
//	            │                         │
//	┌─────┬─────▼─────┬─────┬─────┬─────┬─▼───┬─────┐
//	│free │ entry │ entry ········│ pad │ free│     │   cells of 16 bytes
//	└─────┴───────────┴─────┴─────┴─────┴─────┴─────┘
//	 the receiver owns            the sender owns
//	 [head, tail)                 [tail, head+cells)
//
// An entry is a length of four bytes and the bytes themselves, rounded up to whole
// cells. It never wraps: where it does not fit before the end of the cells, a pad
// entry fills the rest. A sequence counts cells since the ring was made; it never
// goes back.
//
// In a ring over 256 KiB, padding also lets the sender stay in the first part of
// the cells while the receiver keeps up. So a ring may be large and yet take little
// memory: the rest is for bursts.
//
// Each word has one writer. The sender writes cells and tail in its own page, the
// receiver writes head in its own. Each keeps a copy of the other's word and reads
// it again only when the copy says full or empty. A sender killed at any
// instruction leaves at most an unpublished entry, which nobody sees.
//
// Non-goals: many producers (each sender has its own ring), and entries larger
// than a quarter of the ring (they travel in blocks).
package ring
