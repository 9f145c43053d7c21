package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Version is the version of the control link. Begin carries it; a process
// that speaks another one refuses to start.
const Version = 1

// MaxFrame is the size in bytes of the largest frame.
const MaxFrame = 60 << 10

// Frame is one message of the control link.
type Frame interface {
	Kind() Kind
	fields(*coder)
}

// Append appends the encoding of f to dst: its kind, and its fields in order.
func Append(dst []byte, f Frame) []byte {
	c := coder{buf: append(dst, byte(f.Kind())), write: true}
	f.fields(&c)
	return c.buf
}

// Parse reads a frame. Bytes that are missing or left over are an error.
func Parse(b []byte) (Frame, error) {
	if len(b) == 0 {
		return nil, errors.New("wire: empty frame")
	}
	f := newFrame(Kind(b[0]))
	if f == nil {
		return nil, fmt.Errorf("wire: unknown frame kind %d", b[0])
	}
	c := coder{buf: b[1:]}
	f.fields(&c)
	if c.short {
		return nil, fmt.Errorf("wire: frame of kind %d ends after %d bytes", b[0], len(b))
	}
	if len(c.buf) > 0 {
		return nil, fmt.Errorf("wire: frame of kind %d has %d bytes too many", b[0], len(c.buf))
	}
	return f, nil
}

// coder writes the fields of a frame, or reads them, so that one description of each
// frame serves both. Integers are little-endian; a string is preceded by its length as
// a u16, bytes by theirs as a u32.
type coder struct {
	buf   []byte
	write bool
	short bool // reading: the frame ended too early
}

func (c *coder) take(n int) []byte {
	if c.short || len(c.buf) < n {
		c.short = true
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

func (c *coder) u8(v *uint8) {
	if c.write {
		c.buf = append(c.buf, *v)
	} else if b := c.take(1); b != nil {
		*v = b[0]
	}
}

func (c *coder) u16(v *uint16) {
	if c.write {
		c.buf = binary.LittleEndian.AppendUint16(c.buf, *v)
	} else if b := c.take(2); b != nil {
		*v = binary.LittleEndian.Uint16(b)
	}
}

func (c *coder) u32(v *uint32) {
	if c.write {
		c.buf = binary.LittleEndian.AppendUint32(c.buf, *v)
	} else if b := c.take(4); b != nil {
		*v = binary.LittleEndian.Uint32(b)
	}
}

func (c *coder) u64(v *uint64) {
	if c.write {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
	} else if b := c.take(8); b != nil {
		*v = binary.LittleEndian.Uint64(b)
	}
}

func (c *coder) i64(v *int64) {
	u := uint64(*v)
	c.u64(&u)
	*v = int64(u)
}

func (c *coder) duration(v *time.Duration) { c.i64((*int64)(v)) }

// text truncates a string that is too long: names are short by rule, and a truncated
// stack is better than an unreported death.
func (c *coder) text(v *string) {
	if c.write {
		s := *v
		if len(s) > MaxText {
			s = s[:MaxText]
		}
		c.buf = binary.LittleEndian.AppendUint16(c.buf, uint16(len(s)))
		c.buf = append(c.buf, s...)
		return
	}
	var n uint16
	c.u16(&n)
	*v = string(c.take(int(n)))
}

// brief is text, truncated to MaxShort when it is written.
func (c *coder) brief(v *string) {
	if c.write && len(*v) > MaxShort {
		s := (*v)[:MaxShort]
		v = &s
	}
	c.text(v)
}

// MaxShort is the size in bytes of the longest type, reason or summary of an
// Exit.
const MaxShort = 2 << 10

// MaxText is the size in bytes of the longest string of a frame.
const MaxText = 16 << 10

func (c *coder) bytes(v *[]byte) {
	n := uint32(len(*v))
	c.u32(&n)
	if c.write {
		c.buf = append(c.buf, *v...)
		return
	}
	if int64(n) > int64(len(c.buf)) {
		c.short = true
		return
	}
	*v = append([]byte(nil), c.take(int(n))...)
}

func (c *coder) addr(v *Addr) {
	c.u32(&v.ID)
	c.u32(&v.Incarnation)
}
