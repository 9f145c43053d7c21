package actor

import "context"

// StreamKeys numbers the streams of this process.
var StreamKeys = &streamKeys

// LendBlock lends a block of n bytes for the stream.
func (w *StreamWriter) LendBlock(n int) (Buffer, error) { return w.lend(n) }

// TellBlock sends a block, which may be a wrong one, without counting it.
func (w *StreamWriter) TellBlock(offset int64, b Buffer) error { return w.tell(offset, b) }

// End asks for the end, whatever was sent.
func (w *StreamWriter) End(abort string) error { return w.end(abort) }

// TellBlock sends a block of the stream with that number, which may be that of another
// sender.
func TellBlock[P any](ctx context.Context, ref Ref[P], stream uint64, offset int64, b Buffer) error {
	return Tell(ctx, ref, streamBlock[P]{Stream: stream, Offset: offset, Data: b})
}

// LeaveStream gives up the stream with that key.
func LeaveStream[P any](ctx context.Context, ref Ref[P], key uint64) error {
	return Tell(ctx, ref, streamLeave[P]{Key: key, Reason: "left"})
}
