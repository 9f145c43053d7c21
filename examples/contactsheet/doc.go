// Command contactsheet turns a folder of pictures into one contact sheet, with one OS
// process per decoder, and carries on when decoders die.
//
//	go run ./examples/contactsheet              a set of samples that it paints itself
//	go run ./examples/contactsheet ~/Pictures   a folder of yours
//	go run ./examples/contactsheet -kill DIR    the same sheet, while decoders are being killed
//
// A decoder is the kind of code that belongs in another process: it reads bytes that
// nobody has checked, and one file may make it crash or use up all memory. Here each
// decoder has its own process and memory limit:
//
//	folder ── files ──► run ── job ───────────────────► decoder 1   (limit: 768 MiB)
//	                     │     the file's bytes lent    decoder 2
//	                     │  ◄── scaled pixels, lent ──  decoder N
//	                     ▼
//	                   sheet ── one write at the end ──► contactsheet.png
//
// Terms: a file is something to show, with a caption; a job is a file on its way to a
// decoder; a tile is the scaled pixels that come back; the pool is all decoders; the
// sheet is the picture of all tiles, ordered by name.
//
// Guarantees: every file has a tile. A damaged file has a grey one with the error; a file
// that killed its decoder has a red one with the reason, and harms no other file. The
// same folder gives the same sheet, byte for byte, on every machine and however many
// decoders were killed. The sheet appears complete or not at all.
//
// Out of scope: pictures other than JPEG, PNG and GIF, colour profiles, frames of an
// animation after the first.
package main
