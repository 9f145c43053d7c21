package mailbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestRemoteErrorOfSeveral: an error that is several of those that keep their identity
// is always the same one at the asker.
func TestRemoteErrorOfSeveral(t *testing.T) {
	all := errors.Join(ErrUnhandled, context.Canceled, context.DeadlineExceeded, ErrFull)
	for range 100 { // more than a map's order stays the same
		b := make([]byte, 1000)
		err := parseRemoteError(b[:putRemoteError(b, all)])
		if !errors.Is(err, ErrFull) || errors.Is(err, context.Canceled) || err.Error() != all.Error() {
			t.Fatalf("%v is %v", err, errors.Unwrap(err))
		}
	}
	for _, k := range known {
		b := make([]byte, 100)
		if err := parseRemoteError(b[:putRemoteError(b, k.err)]); !errors.Is(err, k.err) {
			t.Errorf("%v is not itself any more", k.err)
		}
	}
	b := make([]byte, 100)
	if err := parseRemoteError(b[:putRemoteError(b, errors.New("other"))]); errors.Unwrap(err) != nil {
		t.Errorf("%v is %v", err, errors.Unwrap(err))
	}
}

// TestRemoteErrorOfManyBytes: a text is cut where there is no room for it, between two
// characters, and says so.
func TestRemoteErrorOfManyBytes(t *testing.T) {
	const room = 100
	for _, char := range []string{"a", "ä", "€", "\U0001F600"} {
		for n := room - 5; n <= room+5; n++ {
			text := strings.Repeat("x", n%4) + strings.Repeat(char, n/len(char))
			b := make([]byte, 2+room)
			got := parseRemoteError(b[:putRemoteError(b, errors.New(text))]).Error()
			switch begin, cut := strings.CutSuffix(got, "..."); {
			case len(text) <= room:
				if got != text {
					t.Errorf("%d bytes became %q", len(text), got)
				}
			case !cut || !strings.HasPrefix(text, begin) || !utf8.ValidString(got) || len(got) > room || len(got) < room-3:
				t.Errorf("%d bytes of %s became %d: %q", len(text), char, len(got), got)
			}
		}
	}
}
