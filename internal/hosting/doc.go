// Package hosting is where packages actor and supervisor meet in one process: what a
// supervisor does with the actors of its process, and a program never does.
//
//	supervisor ──► New · Of · Defined · ExitOf ──► actor
//	                      Host
//
// Everything else between the two goes over the control link (PROTOCOL.md).
package hosting
