package segment

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// sparseVar makes a process of this test binary say what it found for itself.
const sparseVar = "UNDERSTUDY_TEST_SPARSE"

// TestSparse: what Sparse says is what a segment shows, for each form that can be
// chosen for a program.
func TestSparse(t *testing.T) {
	if os.Getenv(sparseVar) != "" {
		checkSparse(t)
		return
	}
	for _, form := range []string{"auto", "memfd", "shm", "file", "sysv"} {
		t.Run(form, func(t *testing.T) {
			f, _ := ParseForm(form)
			if err := probe(f); f != FormAuto && err != nil {
				t.Skip(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestSparse$", "-test.v")
			cmd.Env = append(os.Environ(), sparseVar+"=1", Variable+"="+form)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func checkSparse(t *testing.T) {
	const size = 1 << 20
	m, err := Create("sparse", size, Options{Keepable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(m.file.Load().Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if empty := st.Blocks*512 < size/2; empty != Sparse() {
		t.Errorf("a %s of %d bytes has taken %d, and Sparse says %v", m.Form(), size, st.Blocks*512, Sparse())
	}
	t.Log(m.Form(), Sparse())
}
