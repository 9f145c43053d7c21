// Command contactsheet turns a folder of pictures into one contact sheet, with
// one OS process per decoder, and does not mind when they die.
//
//	go run ./examples/contactsheet              a set of samples that it paints itself
//	go run ./examples/contactsheet ~/Pictures   a folder of yours
//	go run ./examples/contactsheet -kill DIR    the same sheet, while decoders are being killed
//
// A decoder is the code that one wants in another process: it reads bytes that
// nobody has checked, and one file may make it crash or eat all memory. Here
// each decoder has a process and a memory limit of its own:
//
//	folder ── files ──► run ── job ───────────────────► decoder 1   (limit: 768 MiB)
//	                     │     the file's bytes lent    decoder 2
//	                     │  ◄── scaled pixels, lent ──  decoder N
//	                     ▼
//	                   sheet ── one write at the end ──► contactsheet.png
//
// The nouns: a file is something to show, with a caption; a job is a file on
// its way to a decoder; a tile is what comes back, scaled pixels; a pool is
// the decoders; the sheet is the picture of all tiles, in the order of the
// names.
//
// Guarantees: every file has a tile. A damaged file has a grey one with the
// error; a file that killed its decoder has a red one with the reason, and
// harms no other file. The same folder gives the same sheet, byte for byte, on
// every machine and however many decoders were killed meanwhile. The sheet
// appears complete or not at all.
//
// Not its business: pictures other than JPEG, PNG and GIF, colour profiles,
// frames of an animation after the first.
package main
