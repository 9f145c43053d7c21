// Package wire defines the bytes on which two processes must agree, other than
// the pages of a lane: the frames of the control link between a process and its
// supervisor, and the header of a queue's entry. PROTOCOL.md describes them;
// a test with golden bytes compares the two.
//
//	process ── Ready, Resolve, Open, Page, Segment, Monitor, ... ─► supervisor
//	process ◄─ Begin, Target, Lane, Page, Retire, Gone, Down, ... ── supervisor
//
// A Frame is one of the types of this package. Append encodes it, Parse decodes it
// and refuses anything that is not exactly a frame. Descriptors travel beside a
// frame; Files says how many a frame must have.
//
// The package knows nothing of the Go types of messages or of memory, and imports
// no other package of the library.
package wire
