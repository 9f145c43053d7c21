// Package wiretest puts one end of a control link into the hands of a test: what the
// other side hears there, and when, is then up to the test.
//
//	test                          link                  what is tested
//	Say(frame, files)        ─────────────►  a node, or whoever reads the other end
//	Hear[*wire.Open](peer)   ◄─────────────
//
// It is apart from package testutil because that knows nothing of the packages which it
// helps to test.
package wiretest
