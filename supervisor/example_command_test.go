package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"github.com/understudy-go/understudy/supervisor"
)

// Another program is a child. It is ready when it says so on its output, and it
// is restarted and stopped by the same rules as an actor.
func ExampleStartCommand() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown()
	ctx := context.Background()

	id, err := supervisor.StartCommand(ctx, sup, supervisor.Command{
		Path:   "sh",
		Args:   []string{"-c", "echo listening; exec sleep 1000"},
		Ready:  supervisor.Ready{Line: regexp.MustCompile("^listening")},
		Output: io.Discard,
	}, supervisor.Child{Name: "server"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range sup.Children() {
		fmt.Println(c.Name, c.State)
	}
	fmt.Println(sup.Terminate(ctx, id))
	// Output:
	// server running
	// <nil>
}
