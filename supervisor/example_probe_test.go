package supervisor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/supervisor"
)

type Porter struct{}

var porter = actor.Define("porter", func(*actor.Setup[Porter]) error { return nil })

// An orchestrator asks whether the program is alive, and whether it can take work.
func ExampleSupervisor_Live() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{Children: []supervisor.Child{{Actor: porter}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	answer := func(check func() error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if err := check(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /livez", answer(func() error { return sup.Live(5 * time.Second) }))
	mux.Handle("GET /readyz", answer(sup.Serving))

	for _, path := range []string{"/livez", "/readyz"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// /livez 200
	// /readyz 200
}
