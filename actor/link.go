package actor

// Link links this actor with the incarnation of the actor number id that is
// alive now. There is one link for a pair, whichever side asks, and however
// often. When one of the two ends with another reason than ReasonNormal, the
// other one is ended too, for the same reason: it is asked to end and, when its
// Child.Shutdown is over, killed. An actor that has registered Setup.OnExit is
// told instead. If nobody is alive by that number, the link ends at once, with
// ReasonNoProc.
//
// It returns when the link is made. A link lasts as long as the two
// incarnations: a successor has to link anew.
func (c *Context) Link(id uint32) error { return c.host.node.Link(c, id) }

// Unlink takes the link with an actor back, whichever side made it. Neither side
// is told of the other's end after that.
func (c *Context) Unlink(id uint32) error { return c.host.node.Unlink(c, id) }
