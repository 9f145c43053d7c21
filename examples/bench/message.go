package main

import "github.com/understudy-go/understudy/actor"

// The protocols: who sends, who receives, and who is told what was measured.
type (
	Sender    struct{}
	Receiver  struct{}
	Collector struct{}
)

// Head is what every message begins with. In a blob it is the first 16 bytes of
// the payload instead, little-endian, and Seq is repeated at the start of every
// further page.
type Head struct {
	Seq  uint64 // number of the message, of its sender
	Op   uint16
	From uint16 // index of the sender
	Size uint32 // of the whole message, in bytes
}

// The values of Head.Op.
const (
	opData  = iota // check it and count it
	opRead         // like opData, and a word of each line of the payload is read
	opEcho         // answer it
	opAck          // like opData, then answer it
	opReset        // the next number of this sender is Seq; answer it
)

const (
	smallSize = 64
	pageSize  = 4096
	lineSize  = 64
)

// Flat messages of 64 bytes: types without pointers are copied as they are.
type (
	// Data is told one way.
	Data struct {
		actor.Tells[Receiver]
		Head
		Pad [48]byte
	}
	// Check is asked; its answer is an acknowledgement.
	Check struct {
		actor.Asks[Receiver, Reply]
		Head
		Pad [48]byte
	}
	// Reply is the answer to whatever is asked.
	Reply struct {
		Head
		Pad [48]byte
	}
	// Ping is told there, and Pong is told back to the Ref in it.
	Ping struct {
		actor.Tells[Receiver]
		Head
		Back actor.Ref[Sender]
		Pad  [44]byte
	}
	// Pong is Ping's way back.
	Pong struct {
		actor.Tells[Sender]
		Head
		Pad [48]byte
	}
)

// Messages with a string and a slice, which have to be encoded.
type (
	// Order is told one way.
	Order struct {
		actor.Tells[Receiver]
		Head
		Name  string
		Parts []uint32
	}
	// Question is asked.
	Question struct {
		actor.Asks[Receiver, Answer]
		Head
		Name  string
		Parts []uint32
	}
	// Answer has what the question had.
	Answer struct {
		Head
		Name  string
		Parts []uint32
	}
)

// orderName and orderParts fill Order and Question: 64 bytes with their head.
const orderName = "bolts, 6 mm" + ", zinc" // 17 bytes

var orderParts = []uint32{2, 3, 5, 7, 11, 13, 17}

// Large messages: lent from shared memory, or bytes of the sender's own, which the
// receiver reads in place or gets a copy of.
type (
	// Blob is told one way.
	Blob struct {
		actor.Tells[Receiver]
		Data actor.Buffer
	}
	// BlobCheck is a Blob whose answer is an acknowledgement.
	BlobCheck struct {
		actor.Asks[Receiver, Reply]
		Data  actor.Buffer
		Pages bool // a word of each was written
	}
	// Plain is told one way.
	Plain struct {
		actor.Tells[Receiver]
		Data []byte
	}
	// PlainCheck is a Plain whose answer is an acknowledgement.
	PlainCheck struct {
		actor.Asks[Receiver, Reply]
		Data []byte
	}
	// Viewed is told one way.
	Viewed struct {
		actor.Tells[Receiver]
		Data actor.View
	}
	// ViewedCheck is a Viewed whose answer is an acknowledgement.
	ViewedCheck struct {
		actor.Asks[Receiver, Reply]
		Data actor.View
	}
)

// Usage is asked of the receiver; its answer is how many objects the process
// has allocated so far.
type Usage struct {
	actor.Asks[Receiver, uint64]
}

// Poll tells the receiver to poll before it sleeps, or not.
type Poll struct {
	actor.Tells[Receiver]
	On bool
}

// Begin tells a sender what to do.
type Begin struct {
	actor.Tells[Sender]
	Work      string
	Only      string // of several results, the one to be measured; "" for all
	Plan      Plan
	Index     uint16 // of this sender
	To        actor.Ref[Receiver]
	Collector actor.Ref[Collector]
	PIDs      []int // all processes of the program, whose CPU time counts
}

// Outcome is what a sender has measured, or why it could not.
type Outcome struct {
	actor.Tells[Collector]
	Results []Result
	Failed  string // or ""
}
