// Package testutil gives tests real processes, and an account of what the tests leave
// behind.
//
// A helper is a named function that runs in a process of its own: the test binary,
// executed again. A Proc is such a process as the test sees it, a Child is the same
// process seen by the helper itself. Both talk in lines:
//
//	test process                                helper process
//	p := testutil.Start(t, "echo", Spec{...})   func(c *testutil.Child) int
//	p.Send("go")        ── stdin ─────────────▶ c.Wait("go")
//	p.Expect("ready")   ◀── stdout ──────────── c.Say("ready")
//	shown on failure    ◀── stderr ──────────── anything, panics too
//	Spec.Files          ── descriptors ───────▶ c.File(i)
//	(dies)              ── liveness pipe, EOF ▶ exits
//
// Lines replace sleeps: a test waits for events. The only clock is HangGuard, which ends a
// test that waits for something that never comes, and prints the goroutines and the stderr
// of every process of the test.
//
// A test file registers helpers in package-level variables and hands the
// process to Main:
//
//	var _ = testutil.Helper("echo", func(c *testutil.Child) int {
//		c.Say(c.Wait("go"))
//		return 0
//	})
//
//	func TestMain(m *testing.M) { testutil.Main(m, supervisor.RunChild) }
//
// Audit compares what a test leaves with what it found: goroutines,
// descriptors, child processes, shared memory, queues, mappings.
//
// Guarantees: every Proc is killed and reaped before its test ends. When the test process
// itself is killed, its helpers end; one that is stopped at that moment ends when it is
// continued. Helpers may not outlive a test.
//
// Non-goals: Audit cannot tell parallel tests apart, so a test that calls it must not call
// t.Parallel; outside Linux it accounts for goroutines only.
package testutil
