package keeper

import (
	"slices"

	"github.com/understudy-go/understudy/transport/wire"
)

type watcher struct {
	by      wire.Addr
	token   uint64
	id      uint32
	process bool // for it, a replacement is an end
}

func (k *Keeper) monitor(by wire.Addr, f *wire.Monitor) {
	if f.How == wire.MonitorCancel {
		k.monitors = slices.DeleteFunc(k.monitors, func(w watcher) bool { return w.by == by && w.token == f.Token })
		return
	}
	if !k.allowMonitor(by) {
		return
	}
	k.post(by, &wire.Ack{Token: f.Token})
	if p := k.pools[f.ID]; p != nil && !p.group() {
		k.monitors = append(k.monitors, watcher{by: by, token: f.Token, id: f.ID})
		if len(p.members) == 0 {
			k.notify(p.id, p.last())
		}
		return
	}
	var exit *wire.Exit // if nobody will report one later
	switch c := k.children[f.ID]; {
	case c == nil && k.past.has(f.ID):
		exit = longGone(f.ID)
	case c == nil:
		exit = noProcess(f.ID, wire.ReasonNoProc, "no such actor")
	case c.alive == 0:
		exit = c.lastExit()
	default:
		k.monitors = append(k.monitors, watcher{by: by, token: f.Token, id: f.ID, process: f.How == wire.MonitorProcess})
		return
	}
	k.post(by, &wire.Down{Token: f.Token, Exit: *exit})
}

// Notify tells the monitors of an incarnation that it is down. It must be called after
// its lanes were retired, for which the notice waits, and after everything else that its
// death ends: whoever gets the notice no longer finds it in a group or, if it has ended
// for good, in a pool or by its name.
func (k *Keeper) Notify(exit *wire.Exit) { k.notify(exit.Addr.ID, exit) }

// notify tells the monitors of id that it is down.
func (k *Keeper) notify(id uint32, exit *wire.Exit) {
	k.monitors = slices.DeleteFunc(k.monitors, func(w watcher) bool {
		if w.id == id {
			k.post(w.by, &wire.Down{Token: w.token, Exit: *exit})
		}
		return w.id == id
	})
}
