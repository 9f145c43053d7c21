package actor

// Link links this actor with the incarnation of another actor that is alive now; id is
// the field ID of its Ref. When one of the two ends for a reason other than
// ReasonNormal, the other is ended too, for the same reason: it is asked to end and,
// once its Child.Shutdown is over, killed. An actor that has registered Setup.OnExit
// gets a notice instead. If no process of the other actor is alive, the link ends at
// once, with ReasonNoProc.
//
// Link returns when the link is made. Between two actors there is at most one link,
// whichever of them asks for it and however often. It lasts as long as the two
// incarnations: the next incarnation has to link again.
func (c *Context) Link(id uint32) error { return c.host.node.Link(c, id) }

// Unlink removes the link with an actor, whichever side has made it. After that neither
// side learns of the other's end.
func (c *Context) Unlink(id uint32) error { return c.host.node.Unlink(c, id) }
