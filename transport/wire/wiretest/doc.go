// Package wiretest gives a test one end of a control link: the test decides what the
// other side receives, and when.
//
//	test                          link                  what is tested
//	Say(frame, files)        ─────────────►  a node, or whoever reads the other end
//	Hear[*wire.Open](peer)   ◄─────────────
//
// It is separate from package testutil, which knows nothing of the packages that it
// helps to test.
package wiretest
