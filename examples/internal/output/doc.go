// Package output notices when a program cannot print, or cannot write its file, for
// the examples.
//
//	CanWrite ──► the work ──► Writer ──► stdout
//	                            └─ Err ──► exit code
package output
