package wire

// Kind is the first byte of a frame.
type Kind uint8

// The kinds of frames. The numbers are part of the protocol.
const (
	KindBegin     Kind = 1
	KindReady     Kind = 2
	KindFailed    Kind = 3
	KindResolve   Kind = 4
	KindTarget    Kind = 5
	KindOpen      Kind = 6
	KindLane      Kind = 7
	KindPage      Kind = 8
	KindSegment   Kind = 9
	KindRetire    Kind = 10
	KindDrained   Kind = 11
	KindGone      Kind = 12
	KindAskFailed Kind = 13
	KindMonitor   Kind = 14
	KindDown      Kind = 15
	KindStop      Kind = 16
	KindExiting   Kind = 17
	KindLetter    Kind = 18
	KindAck       Kind = 19
	KindTypes     Kind = 20
	KindBack      Kind = 21
	KindTrap      Kind = 22
	KindLink      Kind = 23
	KindLinked    Kind = 24
	KindPassage   Kind = 25
	KindEnded     Kind = 26
	KindClosed    Kind = 27
	KindEnroll    Kind = 28
	KindEnrolled  Kind = 29
	KindAdopt     Kind = 30
	KindStarted   Kind = 31
	KindBelow     Kind = 32
	KindDied      Kind = 33
	KindLeft      Kind = 34
	KindEvent     Kind = 35
	KindCommand   Kind = 36
	KindAnswer    Kind = 37
	KindMembers   Kind = 38
	KindGroup     Kind = 39
	KindHandover  Kind = 40
	KindState     Kind = 41
	KindTaken     Kind = 42
	KindLeaving   Kind = 43
	KindDrain     Kind = 44

	lastKind = KindDrain
)

// frames makes an empty frame of each kind.
var frames = [...]func() Frame{
	KindBegin: empty[Begin], KindReady: empty[Ready], KindFailed: empty[Failed], KindResolve: empty[Resolve], KindTarget: empty[Target],
	KindOpen: empty[Open], KindLane: empty[Lane], KindPage: empty[Page], KindSegment: empty[Segment], KindRetire: empty[Retire],
	KindDrained: empty[Drained], KindGone: empty[Gone], KindAskFailed: empty[AskFailed], KindMonitor: empty[Monitor],
	KindDown: empty[Down], KindStop: empty[Stop], KindExiting: empty[Exiting], KindLetter: empty[Letter], KindAck: empty[Ack],
	KindTypes: empty[Types], KindBack: empty[Back], KindTrap: empty[Trap], KindLink: empty[Link], KindLinked: empty[Linked],
	KindPassage: empty[Passage], KindEnded: empty[Ended], KindClosed: empty[Closed], KindEnroll: empty[Enroll],
	KindEnrolled: empty[Enrolled], KindAdopt: empty[Adopt], KindStarted: empty[Started], KindBelow: empty[Below], KindDied: empty[Died],
	KindLeft: empty[Left], KindEvent: empty[Event], KindCommand: empty[Command], KindAnswer: empty[Answer],
	KindHandover: empty[Handover], KindState: empty[State], KindTaken: empty[Taken], KindMembers: empty[Members],
	KindGroup: empty[Group], KindLeaving: empty[Leaving], KindDrain: empty[Drain],
}

func empty[T any, P interface {
	*T
	Frame
}]() Frame {
	return P(new(T))
}

// newFrame returns an empty frame of a kind, or nil.
func newFrame(k Kind) Frame {
	if int(k) >= len(frames) || frames[k] == nil {
		return nil
	}
	return frames[k]()
}

// Files returns how many descriptors must come with f.
func Files(f Frame) int {
	switch f := f.(type) {
	case *Open:
		return laneFiles(f.Queue, f.Bell)
	case *Lane:
		return laneFiles(f.Queue, f.Bell)
	case *Page:
		return 1 + flagged(f.Bell)
	case *Segment:
		return int(min(f.Blocks, 1))
	case *Passage, *Adopt:
		return 1
	case *Started:
		return flagged(f.Known)
	case *State:
		return f.files()
	}
	return 0
}

// flagged returns 1 if a flag that announces a descriptor is set, else 0.
func flagged(flag uint8) int {
	if flag == 1 {
		return 1
	}
	return 0
}

// Kind returns the first byte of the frame.
func (*Begin) Kind() Kind     { return KindBegin }
func (*Ready) Kind() Kind     { return KindReady }
func (*Failed) Kind() Kind    { return KindFailed }
func (*Resolve) Kind() Kind   { return KindResolve }
func (*Target) Kind() Kind    { return KindTarget }
func (*Open) Kind() Kind      { return KindOpen }
func (*Lane) Kind() Kind      { return KindLane }
func (*Page) Kind() Kind      { return KindPage }
func (*Segment) Kind() Kind   { return KindSegment }
func (*Retire) Kind() Kind    { return KindRetire }
func (*Drained) Kind() Kind   { return KindDrained }
func (*Gone) Kind() Kind      { return KindGone }
func (*Closed) Kind() Kind    { return KindClosed }
func (*AskFailed) Kind() Kind { return KindAskFailed }
func (*Monitor) Kind() Kind   { return KindMonitor }
func (*Down) Kind() Kind      { return KindDown }
func (*Stop) Kind() Kind      { return KindStop }
func (*Exiting) Kind() Kind   { return KindExiting }
func (*Letter) Kind() Kind    { return KindLetter }
func (*Ack) Kind() Kind       { return KindAck }
func (*Types) Kind() Kind     { return KindTypes }
func (*Ended) Kind() Kind     { return KindEnded }
func (*Members) Kind() Kind   { return KindMembers }
func (*Group) Kind() Kind     { return KindGroup }
func (*Leaving) Kind() Kind   { return KindLeaving }
func (*Drain) Kind() Kind     { return KindDrain }
func (*Back) Kind() Kind      { return KindBack }
func (*Trap) Kind() Kind      { return KindTrap }
func (*Link) Kind() Kind      { return KindLink }
func (*Linked) Kind() Kind    { return KindLinked }
func (*Passage) Kind() Kind   { return KindPassage }
func (*Handover) Kind() Kind  { return KindHandover }
func (*State) Kind() Kind     { return KindState }
func (*Taken) Kind() Kind     { return KindTaken }
