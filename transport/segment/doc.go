// Package segment is memory that processes share, and the lending of its
// blocks.
//
//	owner (maps RW)                                       user (maps RO)
//	┌─ Pool ───────────────┐   Announce: descriptor      ┌─ Views ───────┐
//	│ Take ─► Block ─► Lent│ ──────────────────────────► │ Add           │
//	│            ▲         │   BlockRef in a queue entry │               │
//	│ Put        │         │ ──────────────────────────► │ View ─► bytes │
//	│ Collect ◄──┘         │   return ring of the page   │               │
//	│ Switch               │ ◄────────────────────────── │ Release       │
//	└──────────────────────┘                             └───────────────┘
//
// A Memory is one segment. Its creator maps it for writing, a peer read-only by
// way of a descriptor, after checking that nobody can write it or cut it off.
// The bytes are in the file that both have open: no name exists, and nothing is
// left behind when both are gone. The forms, in the order in which FormAuto
// tries them:
//
//	memfd  memfd_create, sealed: the kernel holds everybody to the rules
//	shm    POSIX shared memory: a nameless file in /dev/shm; peers get a
//	       descriptor for reading only
//	file   the same in TMPDIR; with CreateFile under a name, and kept if asked
//
//	sysv   shmget, attached for reading by peers, marked for removal at once. A
//	       voucher travels in the place of a descriptor, and does not keep the
//	       memory: the supervisor attaches it too (Hold). Blocks only; what must
//	       outlive its maker from the first moment on (Keepable) is of another form
//
// Files have no seals. A peer cannot write or cut one through what it is given,
// but a process of the same user that means to can open it anew and do both, and
// cutting it kills who reads it. A program on memfds therefore refuses files.
//
// A Pool cuts segments into blocks and lends them, by one of two policies:
//
//	pool   segments of blocks of one size class each, made when they are needed
//	       ┌─┬─┬─┬─┐ ┌───┬───┐ ┌───────┐   a list of free blocks for each class
//	       └─┴─┴─┴─┘ └───┴───┘ └───────┘
//	arena  one segment of MaxBytes, made at the first Take, cut by a buddy
//	       ┌─┬─┬───┬───────┬─────────────┐ allocator: a block is a power of two of
//	       └─┴─┴───┴───────┴─────────────┘ units, and joins its buddy when both are free
//
// Both round a size up to a power of two. A pool takes memory as it is needed, but
// what one class has another cannot use until the segment is retired, with a round
// by way of the peer; for one who waits (Want) segments of smaller blocks are
// emptied, unless the user keeps some of theirs. An arena takes all its memory at
// once and is never cut anew, but small blocks here and there can leave no room for
// a large one. Stats tells both: Internal and External. At most
// transport.ReturnEntries blocks are out at a time, so an arena runs dry at 1,024
// small blocks.
//
// A payload over MaxBytes, if MaxWhole allows it, has a segment of exactly its
// size, one at a time; see whole.go.
//
// A block of a pool begins at a multiple of 128 bytes, each at another place of a
// page (see colour); one of an arena, and such a payload, at a multiple of 4096.
//
// The ledger, who has which block since which entry, is in the owner's heap, where
// no peer can reach it. A block comes back through the return ring in the
// user's page, or by Switch when another incarnation of the user has taken
// over. Each lending has a generation, so a return that is late, doubled or
// invented is refused and counted, and harms nothing.
//
// Views is the other half: the segments of one owner as this process maps
// them. It computes where a block is from its index and the class (of an arena:
// the unit) that the announcement fixed, and checks the length against what is
// left of the block or the arena, never from an offset that a peer wrote, and it
// keeps memory mapped until the last view of it is released.
//
// Guarantees: no block is lent twice at a time; a segment is populated before its
// first block is lent and used for ever after; Take, Lent, Put, Collect, View and
// Release allocate nothing and make no system call, except where Take makes a
// segment, the first time that a block is used, and once when blocks of a class
// have been used for 4 MiB; what it makes then for blocks to go round it does not
// wait for. The owner can write a block while the user reads it: who does not trust
// the owner copies first.
//
// A block of another owner can be handed to several users at a time: the Pool of
// each records its part (Share), and the owner learns when that part has ended.
//
// Non-goals: compaction, memory that outlives its last process.
package segment
