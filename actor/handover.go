package actor

import (
	"errors"
	"fmt"

	"github.com/understudy-go/understudy/actor/internal/node"
	"github.com/understudy-go/understudy/mailbox/codec"
	"github.com/understudy-go/understudy/transport/segment"
	"github.com/understudy-go/understudy/transport/wire"
)

// OnHandover registers give, which returns the state that this actor hands over when
// its process is replaced; see Replace of package supervisor. give runs between two
// messages. After it no further message is handled in this process, unless the
// replacement is abandoned: then this actor goes on as if nothing had happened. So
// give must not destroy anything. A function of OnStop that cleans up can check
// Context.Replaced. If give returns an error, the replacement is abandoned.
//
// The state can contain whatever a message can, except Buffers and Files, and can have
// any size.
func OnHandover[P, S any](s *Setup[P], give func(*Context) (S, error)) {
	r := s.r
	t, err := stateType[S]()
	if err == nil && r.give != nil {
		err = errors.New("actor: OnHandover was called twice")
	}
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	r.give = func() (node.State, error) {
		v, err := give(r.ctx)
		if err != nil {
			return node.State{}, err
		}
		return encodeState(t, &v)
	}
}

// OnState registers take, which receives the state that the replaced process has handed
// over. take runs after the Setup and before the first message, and only in a process
// that Replace has started: after a crash there is no state. If take returns an error,
// the replacement is abandoned and the old process goes on.
//
// OnState may be called for several types: the one that this program's own OnHandover
// returns, and those of older builds. That is how a state is converted, like OTP's
// code_change. If there is no OnState for the type of the state, the replacement is
// abandoned.
func OnState[P, S any](s *Setup[P], take func(*Context, S) error) {
	r := s.r
	t, err := stateType[S]()
	if err == nil && r.take[t.ID()] != nil {
		err = fmt.Errorf("actor: OnState was called twice for %s", t.Name())
	}
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	if r.take == nil {
		r.take, r.takes = map[codec.ID]func([]byte) error{}, map[uint32]codec.ID{}
	}
	r.takes[t.ID().Name()] = t.ID()
	r.take[t.ID()] = func(b []byte) error {
		var v S
		if err := codec.Decode(t, b, &v, nil); err != nil {
			return err
		}
		return take(r.ctx, v)
	}
}

func stateType[S any]() (*codec.Type, error) {
	t, err := codec.Of[S]()
	if err == nil && t.Lends() {
		err = fmt.Errorf("actor: state %s: it cannot contain buffers or files: hand over their content", t.Name())
	}
	return t, err
}

// encodeState encodes a value for the other process: into a segment of its own if it is
// too large for a frame.
func encodeState[S any](t *codec.Type, v *S) (s node.State, err error) {
	s.Type, s.Name = uint64(t.ID()), t.Name()
	size := 0
	if t.Custom() { // its size is only known once it is encoded
		if s.Bytes, err = codec.Append(t, nil, v, nil); err != nil {
			return node.State{}, err
		}
		size = len(s.Bytes)
	} else if size, err = codec.Size(t, v); err != nil {
		return node.State{}, err
	}
	var room []byte
	if size > wire.MaxStateBytes {
		if s.Memory, err = segment.Create("state", size, segment.Options{Keepable: true}); err != nil {
			return node.State{}, fmt.Errorf("actor: state of %d bytes: %w", size, err)
		}
		room = s.Memory.Bytes()[:size]
	}
	switch {
	case t.Custom():
		copy(room, s.Bytes)
	case room == nil:
		s.Bytes, err = codec.Append(t, nil, v, nil)
	default:
		s.Bytes, err = codec.Append(t, room[:0:size], v, nil)
	}
	if err == nil && len(s.Bytes) != size {
		err = fmt.Errorf("actor: state %s was changed while it was encoded: it had %d bytes, now %d", t.Name(), size, len(s.Bytes))
	}
	if err != nil && s.Memory != nil {
		s.Memory.Close()
	}
	return s, err
}

// The methods of node.Handover: this actor's part in its replacement.

func (r *running) Busy() bool { return r.busy != nil && r.busy() }

func (r *running) Give() (node.State, error) {
	if r.give == nil {
		return node.State{}, nil
	}
	return r.give()
}

func (r *running) Take(s node.State) error {
	take := r.take[codec.ID(s.Type)]
	if take == nil {
		return &node.UnknownStateError{Name: s.Name, New: uint64(r.takes[codec.ID(s.Type).Name()])}
	}
	return take(s.Bytes)
}
