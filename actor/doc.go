// Package actor lets a program be written as actors that exchange typed messages,
// each in an OS process of its own.
//
//	type Greeter struct{}                  // a protocol: the name of a kind of actor
//	type Hello struct {                    // asked of a Greeter, answered by a Greeting
//		actor.Asks[Greeter, Greeting]
//		Name string
//	}
//	type Log struct {                      // told to a Greeter, which does not answer
//		actor.Tells[Greeter]
//		Line string
//	}
//
//	var greeter = actor.Define("greeter", func(s *actor.Setup[Greeter]) error {
//		n := 0                             // private state, in its own process
//		actor.OnAsk(s, func(c *actor.Context, h Hello) (Greeting, error) { n++; ... })
//		actor.OnTell(s, func(c *actor.Context, l Log) error { ... })
//		return nil                         // ready
//	})
//
// A [Ref] is the address of an actor of protocol P. [Tell] and [Ask] take only
// messages of that protocol; the compiler checks this. Package supervisor starts
// actors.
//
//	Tell(ctx, ref, m) ──► mailbox ──► handler(c, m) error
//	Ask(ctx, ref, m)  ──► mailbox ──► handler(c, m) (answer, error)
//	                  ◄───────────────────────────────┘
//
// # What a message can contain
//
// A message is copied deeply, unexported fields included. It can contain numbers,
// strings, bools, arrays, slices, maps, pointers, structs of all of these, time.Time,
// Refs, and types with MarshalBinary and UnmarshalBinary. Functions, channels,
// interfaces and the types of package sync cannot travel: an actor that handles such a
// message fails to start, and the error names the path of the field. Package
// mailbox/codec has the rules.
//
// A large payload can be a plain []byte, which is copied twice; a [View], which is
// copied once; or a [Buffer], which is never copied: [Lend] makes it in memory that
// both processes share. A payload larger than the memory set aside for it is sent as a
// stream, block by block: see [NewStream] and [OnStream]. A [File] is an open file.
//
// # Contexts
//
// A handler passes its own [Context] to Tell, Ask and the other functions. In the
// root process, inside supervisor.Run, any context will do. In a test that makes its
// supervisor with supervisor.New, the context must come from Supervisor.Context.
//
// # Guarantees
//
// Messages from one process to one actor are handled in the order in which they
// were sent, small and large alike. Once Tell has returned nil, the message is in a
// mailbox that outlives the actor: unread messages survive the death of receiver
// and sender. The message in hand at a death, the one whose handler was running,
// becomes a dead letter; or the next incarnation handles it again, if
// mailbox.Config.Redeliver says so. An Ask has exactly one outcome: the answer, a
// typed error, or the end of its context.
//
// Handlers of one actor run one after another, never at the same time. A panic in
// an actor ends its process, and no other.
//
// # Non-goals
//
// Nothing is durable: the root process holds the mailboxes, and they end with it.
// Messages of different senders have no order. No message is resent automatically.
//
// # How it is built
//
// A message's way through the files:
//
//	out   send.go ─► internal/node/target.go (the way to an actor) ─► package mailbox: tell.go
//	in    package mailbox: run.go ◄─ internal/node/pump.go (the actor's loop); handlers are made in define.go
//	back  an answer: package mailbox ─► internal/node/ask.go, where its asker waits
//
// One host per process (host.go) joins an actor, its node and package supervisor. A
// message for several actors leaves by pool.go (to one of them, or all) or tellall.go.
package actor
