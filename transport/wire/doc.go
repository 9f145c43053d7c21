// Package wire is the bytes on which two processes must agree besides the
// pages of a lane: the frames of the control link between a process and its
// supervisor, and the header of a queue's entry. PROTOCOL.md describes them;
// a golden-bytes test binds the two.
//
//	process ── Ready, Resolve, Open, Page, Segment, Monitor, ... ─► supervisor
//	process ◄─ Begin, Target, Lane, Page, Retire, Gone, Down, ... ── supervisor
//
// A Frame is one of the types of this package. Append makes its bytes, Parse
// reads them back and refuses whatever is not exactly a frame. Descriptors
// travel beside a frame; Files says how many a frame must have.
//
// The package knows no Go type of a message and no memory; it depends on
// nothing.
package wire
