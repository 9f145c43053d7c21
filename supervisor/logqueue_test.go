package supervisor

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// slowLog is a writer that takes the first line only when it is told to.
type slowLog struct {
	begin chan struct{} // nil when it has begun
	lines []string
}

func (w *slowLog) Write(b []byte) (int, error) {
	if w.begin != nil {
		<-w.begin
		w.begin = nil
	}
	w.lines = append(w.lines, string(b))
	return len(b), nil
}

func (q *logQueue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.idle != nil
}

// TestLogDrops: what a reader that hangs for a while gets is in order, and says how
// much is missing. Only the first one that logs waits for it.
func TestLogDrops(t *testing.T) {
	const extra = 10
	w := &slowLog{begin: make(chan struct{})}
	begin := w.begin
	log, queue := patientLog(slog.New(slog.NewTextHandler(w, nil)))
	log = log.With("by", "test")
	started := time.Now()
	for i := range 1 + maxRecords + extra { // one is being written
		log.Info("record", "n", i)
	}
	if d := time.Since(started); d > 10*flushTime {
		t.Errorf("it took %v to log", d)
	}
	close(begin)
	for queue.flush(); queue.busy(); queue.flush() {
	}
	if len(w.lines) != maxRecords+2 {
		t.Fatalf("%d lines", len(w.lines))
	}
	for i, line := range w.lines[:maxRecords+1] {
		if !strings.HasSuffix(line, fmt.Sprintf("msg=record by=test n=%d\n", i)) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if last := w.lines[maxRecords+1]; !strings.Contains(last, fmt.Sprintf("records=%d\n", extra)) {
		t.Fatalf("the last line is %q", last)
	}
	log.Info("afterwards")
	if last := w.lines[len(w.lines)-1]; !strings.Contains(last, "afterwards") {
		t.Fatalf("it was not waited for: %q", last)
	}
}
