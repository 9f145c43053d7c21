package wiretest

import (
	"testing"

	"github.com/understudy-go/understudy/transport"
	"github.com/understudy-go/understudy/transport/wire"
)

// Peer is one end of a control link. Its methods, and Hear and HearAll, fail the test if
// the link fails; only the test's own goroutine may call them.
type Peer struct {
	T    testing.TB
	Link transport.Link
}

// Say sends a frame. The files stay the caller's.
func (p *Peer) Say(f wire.Frame, files ...transport.File) {
	p.T.Helper()
	if err := p.Link.Send(wire.Append(nil, f), files); err != nil {
		p.T.Fatal(err)
	}
}

// Hear waits for the next frame, which must be an F, and closes its descriptors.
func Hear[F wire.Frame](p *Peer) F {
	p.T.Helper()
	f, files := HearAll[F](p)
	for _, file := range files {
		file.Close()
	}
	return f
}

// HearAll is Hear, but returns the descriptors, which the caller owns.
func HearAll[F wire.Frame](p *Peer) (F, []transport.File) {
	p.T.Helper()
	buf := make([]byte, wire.MaxFrame)
	n, files, err := p.Link.Receive(buf)
	if err != nil {
		p.T.Fatal(err)
	}
	f, err := wire.Parse(buf[:n])
	if err != nil {
		p.T.Fatal(err)
	}
	want, ok := f.(F)
	if !ok {
		p.T.Fatalf("%T, want a %T", f, want)
	}
	return want, files
}
