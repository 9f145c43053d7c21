// Package segment provides memory that processes share, and lends blocks of it.
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
// A Memory is one segment. Its creator maps it for writing. A peer maps it
// read-only through a descriptor, after checking that nobody can write or truncate
// it. The bytes are in a file that both have open and that has no name, so nothing
// is left behind when both are gone. The forms, in the order in which FormAuto
// tries them:
//
//	memfd  memfd_create, sealed: the kernel enforces the rules
//	shm    POSIX shared memory: a nameless file in /dev/shm; peers get a
//	       read-only descriptor
//	file   the same in TMPDIR; CreateFile gives it a name, and keeps it if asked
//
//	sysv   shmget, attached by peers for reading, marked for removal at once. A
//	       voucher travels in place of a descriptor but does not keep the memory
//	       alive, so the supervisor attaches it too (Hold). For blocks only: memory
//	       that must outlive its creator from the start (Keepable) takes another form
//
// Files have no seals. A peer cannot write or truncate one through its descriptor,
// but a malicious process of the same user can open it anew and do both, and
// truncating it kills whoever reads it. So a program that uses memfds refuses files.
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
// one class cannot use the memory of another until its segment is retired, which
// takes a round trip to the user. For a caller that waits (Want), segments of smaller
// blocks are emptied, unless the user keeps some of theirs. An arena takes all its
// memory at once and retires nothing, but scattered small blocks can leave no room
// for a large one. Stats reports both kinds of loss: Internal and External. At most
// transport.ReturnEntries blocks are out at a time, so an arena runs dry at 1,024
// small blocks.
//
// A payload over MaxBytes, if MaxWhole allows it, has a segment of exactly its
// size, one at a time; see whole.go.
//
// A block of a pool begins at a multiple of 128 bytes, at a different offset in its
// page than its neighbours (see colour). A block of an arena, and a payload over
// MaxBytes, begin at a multiple of 4096.
//
// The ledger, which records who has which block since which entry, is in the owner's
// heap, where no peer can reach it. A block comes back through the return ring in
// the user's page, or by Switch when another incarnation of the user has taken
// over. Each lending has a generation, so a return that is late, doubled or
// invented is refused and counted, and does no harm.
//
// Views is the user's side: the segments of one owner as this process maps them. It
// computes where a block is from its index and the class (of an arena: the unit) that
// the announcement fixed, never from an offset that a peer wrote. It checks the length
// against what is left of the block or the arena, and keeps memory mapped until the
// last view of it is released.
//
// Guarantees: no block is lent twice at a time. A segment is populated before its
// first block is lent, and reused until it is retired. Take, Lent, Put, Collect, View
// and Release allocate nothing and make no system call, except when Take makes a
// segment, when a block is used for the first time, and once when 4 MiB of blocks of a
// class have been taken. Segments that are only to let more blocks circulate are made
// in the background. The owner can write a block while the user reads it: a user that
// does not trust the owner copies first.
//
// A block can be handed to several users at a time: the Pool of each records its share
// (Share), and the block's owner learns when that share has ended.
//
// Non-goals: compaction, memory that outlives its last process.
//
// The files, by what they are about:
//
//	memory   memory.go, form.go · memfd_linux.go, shm_linux.go, named_linux.go, sysv_linux.go, voucher_linux.go · open_linux.go
//	a pool   pool.go (Take, Put) ─► class.go, arena.go, buddy.go (free blocks) ─► grow.go, whole.go (new segments)
//	         returns.go (what comes back) · share.go (one block, several users) · stats.go, policy.go
//	         how many blocks circulate: settle.go, round.go · who gives way to whom: borrow.go, want.go
//	a user   views.go (the owner's segments as mapped here) · held.go, table.go
package segment
