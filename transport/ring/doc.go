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
// An entry is a length of four bytes and the bytes, in whole cells. It never
// wraps: where it does not fit before the end of the cells, a pad entry fills
// the rest. A sequence is a count of cells since the ring was made; it never
// goes back.
//
// Padding also lets the sender of a ring over 256 KiB go round in its first part
// while the receiver keeps up, so that a ring may be large and yet take little memory:
// the rest is for bursts.
//
// Each word has one writer. The sender writes cells and tail in its own page,
// the receiver writes head in its own; each keeps a copy of the other's word
// and looks again only when the copy says full or empty. A writer killed at
// any instruction leaves an entry that was not published, which nobody sees.
//
// Non-goals: many producers (a sender has a ring of its own), entries larger
// than a quarter of the ring (they travel in blocks).
package ring
