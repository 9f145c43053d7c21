// Package output helps the examples to notice that they cannot print, or cannot write
// their files.
//
//	CanWrite ──► the work ──► Writer ──► stdout
//	                            └─ Err ──► exit code
package output
