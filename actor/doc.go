// Package actor is what a program is written with: actors that live in OS
// processes of their own and exchange typed messages.
//
//	type Greeter struct{}                  // a protocol: the name of a kind of actor
//	type Hello struct {                    // asked of a Greeter, answered by a Greeting
//		actor.Asks[Greeter, Greeting]
//		Name string
//	}
//	type Log struct {                      // told to a Greeter, not answered
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
// A Ref[P] addresses an actor of protocol P; [Tell] and [Ask] take only
// messages of that protocol, which the compiler checks. Starting actors is the
// business of package supervisor.
//
// A payload larger than the memory for it is a stream: [NewStream] and
// [OnStream] pass it through the blocks of the mailbox in rounds.
//
// # Guarantees
//
// Messages from one process to one actor are handled in the order sent, small
// and large alike. A Tell that returned nil is visible in a mailbox that
// outlives the actor: unread messages survive the death of receiver and
// sender. The message that was in hand at a death is quarantined as a dead
// letter, or handled again by the next incarnation if the mailbox is so
// configured. An Ask has exactly one outcome: the reply, a typed error, or the
// end of its context.
//
// Handlers of one actor run one after another, never at the same time. An
// actor that ends by a panic takes its process with it, and nothing else.
//
// # Non-goals
//
// Nothing is durable: a mailbox lives as long as the supervisor that holds it.
// There is no order between different senders, and no exactly-once.
package actor
