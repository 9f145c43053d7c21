// Package hosting connects packages actor and supervisor within one process. It is what a
// supervisor does with the actors of its process, and a program never does.
//
//	supervisor ──► New · Of · Defined · ExitOf ──► actor
//	                      Host
//
// Everything else between the two goes over the control link (PROTOCOL.md).
package hosting
