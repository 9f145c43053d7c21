package actor_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/understudy-go/understudy/actor"
	"github.com/understudy-go/understudy/mailbox"
	"github.com/understudy-go/understudy/supervisor"
)

type Archive struct{}

var archive = actor.Define("archive", func(s *actor.Setup[Archive]) error {
	actor.OnStream(s, actor.StreamPolicy{MaxBytes: 64 << 20}, func(r *actor.StreamReader) error {
		h := sha256.New()
		n, err := io.Copy(h, r) // reads the blocks in place
		if err == nil && n != r.Total() {
			err = fmt.Errorf("%s is short", r.Name()) // never so: a stream is whole or an error
		}
		return err
	})
	return nil
})

// 16 MiB pass through a mailbox that has memory for 2 MiB.
func ExampleNewStream() {
	sup, err := supervisor.New(context.Background(), supervisor.Spec{})
	if err != nil {
		log.Fatal(err)
	}
	defer sup.Shutdown()
	ctx := sup.Context(context.Background())
	ref, err := supervisor.StartChild(ctx, sup, archive, supervisor.Child{Mailbox: mailbox.Config{PoolBytes: 2 << 20}})
	if err != nil {
		log.Fatal(err)
	}

	text := strings.Repeat("to be or not to ", 1<<20)
	w, err := actor.NewStream(ctx, ref, "hamlet.txt", int64(len(text)), nil)
	if err != nil {
		log.Fatal(err)
	}
	n, err := io.Copy(w, strings.NewReader(text))
	fmt.Println(n, err)
	fmt.Println(w.Close()) // what the actor's function has returned
	// Output:
	// 16777216 <nil>
	// <nil>
}
