// Package transporttest is the conformance suite of package transport: what
// every form of queue, segment and notifier must do, shown across real
// processes.
//
//	test process (holds the lane, as a supervisor does)
//	   │ link                               link │
//	   ▼                                         ▼
//	"transporttest-sender"  ═══ lane ═══►  "transporttest-receiver"
//	 fill · send · flood · close            read · run · drain · hold · close
//
// Pair is the part that needs no other process: it runs over any pair of ends, also
// over one in memory, and under the race detector. Queue runs a form between two
// helper processes of the test binary, with each form of notifier. It kills either
// side, and kills receivers again and again while the sender never stops; the pages
// tell what was taken, handled or in hand, as they tell the supervisor. Urgent does
// the same for forms that have priorities, Segment sends segments of every awkward
// size, Policy lends blocks to another process, and in Notifier two processes wake
// each other.
//
// A test package calls testutil.Main in its TestMain, and the suite in a test:
//
//	func TestRing(t *testing.T) { transporttest.Queue(t, transporttest.Form{...}) }
//
// Each case says which rule of the contract it shows.
package transporttest
