package actor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport"
)

// StreamWriter sends one payload of a known size in blocks; see NewStream. One
// goroutine at a time may use it.
type StreamWriter struct {
	ctx         context.Context
	total, done int64 // bytes; done counts those that were told
	block       int
	cur         Buffer
	fill        int // bytes of cur
	progress    func(done, total int64)
	peer        <-chan Down
	incarnation int // of the receiver that has accepted the stream
	watch       func() (<-chan Down, func(), error)
	end         func(abort string) error
	lend        func(n int) (Buffer, error)
	tell        func(offset int64, b Buffer) error
	leave       func(reason string)
	forget      func()
	err         error // why the stream is over
	closed      bool
	result      error // of Close
}

// NewStream begins a stream of total bytes to ref, whose actor must have called
// OnStream. name tells the actor what they are. If total is more than the actor's
// StreamPolicy allows, the error is a *transport.SizeError; if too many streams are
// open, ErrFull; if the actor has not called OnStream, ErrUnhandled.
//
// The actor can read each block as soon as it is full. progress, if not nil, is called
// after each block with the number of bytes sent so far. When all blocks are in use,
// Write waits until the actor has read more, or does what mailbox.Config.Full says.
// Always call Close, even after an error or the end of ctx. A stream to a pool goes to
// one member, chosen by the pool's route, with HashKey(name) as its key; if that member
// leaves the pool in the middle, the error is a *StreamError.
func NewStream[P any](ctx context.Context, ref Ref[P], name string, total int64, progress func(done, total int64)) (*StreamWriter, error) {
	t, err := target(ctx, ref.ID)
	if err != nil {
		return nil, public(err)
	}
	if t.Pool == nil {
		w, _, err := openStream[P](ctx, t, name, total, progress)
		return w, err
	}
	p := t.Pool
	for range 1 + len(p.Members()) {
		if t, err = p.Pick(ctx, HashKey(name)); err != nil {
			break
		}
		w, sent, e := openStream[P](ctx, t, name, total, progress)
		if err = e; sent || !hasEnded(err) {
			return w, err
		}
	}
	return nil, public(err)
}

// openStream is NewStream to one actor. sent says whether that has been asked for it.
func openStream[P any](ctx context.Context, t *node.Target, name string, total int64, progress func(done, total int64)) (w *StreamWriter, sent bool, err error) {
	ref := Ref[P]{ID: t.ID}
	box, err := t.Outbox()
	if err != nil {
		return nil, false, public(err)
	}
	// Placed before the stream is opened, so that a death from now on is noticed.
	watch := func() (<-chan Down, func(), error) { return Monitor(ctx, ref) }
	peer, cancel, err := watch()
	if err != nil {
		return nil, false, err
	}
	key := streamKeys.Add(1)
	leave := func(reason string) {
		outside := hostOf(ctx).Context(context.Background()) // ctx has ended
		// Tell may have to wait for room, until the actor or this process ends.
		go func() { _ = Tell(outside, ref, streamLeave[P]{Key: key, Reason: reason}) }()
	}
	opened, sent, err := askStream(ctx, ref, streamOpen[P]{Name: name, Total: total, Key: key})
	if err != nil && ctx.Err() != nil {
		leave(err.Error()) // the stream may have been opened nevertheless
	}
	if errors.Is(err, ErrUnhandled) {
		err = fmt.Errorf("actor: %s takes no streams: its Setup must call OnStream: %w", t.Name, ErrUnhandled)
	}
	if err == nil && opened.Stream == 0 {
		size := &transport.SizeError{What: "stream", Size: int(total), Limit: int(opened.Max),
			Remedy: "raise StreamPolicy.MaxBytes of its receiver, or send less"}
		if total < 0 {
			size.Remedy = "say how many bytes will be written"
		}
		err = size
	}
	if err != nil {
		cancel()
		return nil, sent, err
	}
	return &StreamWriter{
		ctx: ctx, total: total, progress: progress, peer: peer, forget: cancel, leave: leave,
		incarnation: int(opened.Stream >> 32), watch: watch,
		block: int(min(DefaultStreamBlock, max(int64(box.Config.PoolBytes)/4, 4<<10))),
		lend:  func(n int) (Buffer, error) { return Lend(ctx, ref, n) },
		tell: func(offset int64, b Buffer) error {
			return Tell(ctx, ref, streamBlock[P]{Stream: opened.Stream, Offset: offset, Data: b})
		},
		end: func(abort string) error {
			_, err := Ask(ctx, ref, streamEnd[P]{Stream: opened.Stream, Abort: abort})
			return err
		},
	}, true, nil
}

// askStream is Ask of one actor. sent says whether the ask is in its mailbox.
func askStream[P any](ctx context.Context, ref Ref[P], m streamOpen[P]) (r streamOpened, sent bool, err error) {
	if ctx.Err() != nil {
		return r, false, context.Cause(ctx)
	}
	t, err := target(ctx, ref.ID)
	if err != nil {
		return r, false, public(err)
	}
	mt, err := codec.Of[streamOpen[P]]()
	if err != nil {
		return r, false, err
	}
	r, sent, err = askTarget[P, streamOpened](ctx, t, mt, &m)
	return r, sent, public(err)
}

// streamKeys numbers the streams of this process.
var streamKeys atomic.Uint64

// broken records why the stream is over, if err is not nil.
func (w *StreamWriter) broken(err error) error {
	if err == nil {
		return nil
	}
	w.err = w.lost(err)
	return w.err
}

// lost returns err, or a *StreamError if err means that the receiver has ended.
func (w *StreamWriter) lost(err error) error {
	var gone *GoneError
	var death *DeathError
	var remote *RemoteError
	switch {
	case errors.As(err, &gone):
		return w.ended(gone.Exit)
	case errors.As(err, &death):
		return w.ended(death.Exit)
	case errors.As(err, &remote) && remote.Text == errNoStream.Error(): // its successor has answered
		if why := w.gone(); why != nil {
			return why
		}
	}
	return err
}

// gone returns a *StreamError if the receiver has ended, and otherwise nil. If the
// receiver was restarting when the monitor was placed, the notice is about its previous
// process; then gone places a monitor of the one that has accepted the stream.
func (w *StreamWriter) gone() error {
	for {
		select {
		case d := <-w.peer:
			if n := d.Exit.Incarnation; n == 0 || n >= w.incarnation {
				return w.ended(d.Exit)
			}
		default:
			return nil
		}
		peer, cancel, err := w.watch()
		if err != nil {
			return err
		}
		w.peer, w.forget = peer, cancel
	}
}

// ended is the error of a stream whose receiver has ended with exit.
func (w *StreamWriter) ended(exit Exit) error {
	return &StreamError{Done: w.done, Total: w.total, Exit: exit, Reason: "the receiver has ended"}
}

// room makes sure that there is a block with room in it.
func (w *StreamWriter) room() error {
	if w.err != nil {
		return w.err
	}
	if w.err = w.gone(); w.err != nil {
		return w.err
	}
	if w.cur.Len() > 0 {
		return nil
	}
	left := w.total - w.done
	if left == 0 {
		return errStreamLength
	}
	b, err := w.lend(int(min(left, int64(w.block))))
	w.cur = b
	return w.broken(err)
}

// flush sends the block if it is full.
func (w *StreamWriter) flush() error {
	n := w.cur.Len()
	if w.fill < n {
		return nil
	}
	if err := w.broken(w.tell(w.done, w.cur)); err != nil {
		return err
	}
	w.cur, w.fill, w.done = Buffer{}, 0, w.done+int64(n)
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
	return nil
}

// Write copies p into blocks; see NewStream. If p exceeds the total, it writes what fits
// and fails. If the receiver has ended, it fails with a *StreamError.
func (w *StreamWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := w.room(); err != nil {
			return n, err
		}
		k := w.cur.Fill(w.fill, p[n:])
		n, w.fill = n+k, w.fill+k
		if err := w.flush(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// ReadFrom reads r straight into the blocks, until its end or the total.
func (w *StreamWriter) ReadFrom(r io.Reader) (n int64, err error) {
	for w.done < w.total {
		if err := w.room(); err != nil {
			return n, err
		}
		k, err := r.Read(w.cur.Bytes()[w.fill:])
		n, w.fill = n+int64(k), w.fill+k
		if e := w.flush(); e != nil {
			return n, e
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Close ends the stream and waits until the actor's function has returned. It returns
// that function's error as a *RemoteError, or a *StreamError if the actor ends first. If
// fewer bytes than the total were written, Close aborts the stream: the function gets a
// *StreamError, and if the function then returns nil, Close returns a *StreamError. If
// the context of NewStream has ended, Close tells the actor but waits for nothing, and
// returns that context's error. A further call of Close returns the same.
func (w *StreamWriter) Close() error {
	if !w.closed {
		w.closed = true
		w.result = w.close()
	}
	return w.result
}

func (w *StreamWriter) close() error {
	defer func() { w.forget() }()
	short := w.done < w.total
	w.cur.Release()
	w.cur = Buffer{}
	if _, dead := w.err.(*StreamError); dead {
		return w.err
	}
	abort := ""
	if short {
		abort = "its sender closed it"
		if w.err != nil {
			abort = w.err.Error()
		}
	}
	err := w.end(abort)
	if e := w.ctx.Err(); e != nil && err != nil {
		if abort == "" {
			abort = e.Error()
		}
		w.leave(abort) // the end was not asked, or nobody waits for its answer
	}
	err = w.lost(err)
	if short && err == nil {
		err = &StreamError{Done: w.done, Total: w.total, Reason: abort}
	}
	if w.err == nil {
		w.err = fmt.Errorf("actor: a stream was used after its Close: %w", transport.ErrClosed)
	}
	return err
}
