//go:build !linux

package sock

import "io"

func (l *link) lastFrame([]byte) (n, oobn, flags int, err error) { return 0, 0, 0, io.EOF }
