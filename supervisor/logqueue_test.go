package supervisor

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowLog is a writer that takes the first line only when it is told to.
type slowLog struct {
	begin chan struct{} // nil when it has begun
	pause time.Duration // for each line
	third chan struct{} // closed when two lines have been written
	lines []string
}

func (w *slowLog) Write(b []byte) (int, error) {
	if w.begin != nil {
		<-w.begin
		w.begin = nil
	}
	if len(w.lines) == 2 && w.third != nil {
		close(w.third)
	}
	<-time.After(w.pause)
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
	if d := time.Since(started); d > maxRecords/4*flushTime { // each of them would wait
		t.Errorf("it took %v to log", d)
	}
	close(begin)
	queue.finish()
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

// finish waits until all is written.
func (q *logQueue) finish() {
	for q.flush(); q.busy(); q.flush() {
	}
}

// TestLogReadsAgain: a reader that has hung once, and reads again, is waited for again:
// nothing of a storm of records is lost because of that.
func TestLogReadsAgain(t *testing.T) { synctest.Test(t, logReadsAgain) }

func logReadsAgain(t *testing.T) {
	w := &slowLog{begin: make(chan struct{}), pause: 100 * time.Microsecond, third: make(chan struct{})}
	begin := w.begin
	log, queue := patientLog(slog.New(slog.NewTextHandler(w, nil)))
	const waiting, all = 50, 4 * maxRecords
	for i := range all {
		if i == waiting {
			close(begin)
			<-w.third
		}
		log.Info("record", "n", i)
	}
	queue.finish()
	if len(w.lines) != all || !strings.Contains(w.lines[all-1], fmt.Sprintf("n=%d\n", all-1)) {
		t.Fatalf("%d of %d lines, the last is %q", len(w.lines), all, w.lines[len(w.lines)-1])
	}
}

// TestLogGap: what was dropped is told of where it is missing, once, although more
// came before the reader had read everything.
func TestLogGap(t *testing.T) { synctest.Test(t, logGap) }

func logGap(t *testing.T) {
	w := &slowLog{begin: make(chan struct{})}
	begin := w.begin
	log, queue := patientLog(slog.New(slog.NewTextHandler(w, nil)))
	const extra = 10
	for i := range 1 + maxRecords + extra {
		log.Info("record", "n", i)
	}
	// Half of it has been written, and the reader hangs again.
	queue.mu.Lock()
	queue.queue = queue.queue[:maxRecords/2+1]
	queue.mu.Unlock()
	log.Info("dropped, too") // there is not room enough yet
	queue.mu.Lock()
	queue.queue = queue.queue[2:]
	queue.mu.Unlock()
	log.Info("afterwards")
	close(begin)
	queue.finish()
	last := w.lines[len(w.lines)-2:]
	if !strings.Contains(last[0], fmt.Sprintf("records=%d\n", extra+1)) || !strings.Contains(last[1], "afterwards") {
		t.Fatalf("the last lines are %q", last)
	}
}

// TestLogOfABusyMachine: a record is waited for although there was no processor for it
// for longer than a reader that hangs is waited for.
func TestLogOfABusyMachine(t *testing.T) { synctest.Test(t, logOfABusyMachine) }

func logOfABusyMachine(t *testing.T) {
	w := &slowLog{}
	log, queue := patientLog(slog.New(slog.NewTextHandler(w, nil)))
	queue.idle = make(chan struct{})                 // what add does, but for the goroutine
	time.AfterFunc(flushTime+flushTime/2, queue.run) // the fault
	if log.Info("record"); len(w.lines) != 1 {
		t.Errorf("%q was written", w.lines)
	}
}
