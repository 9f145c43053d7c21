// Package output notices when a program cannot print, for the examples.
//
//	printing ──► Writer ──► stdout
//	               └─ Err ──► exit code
package output
