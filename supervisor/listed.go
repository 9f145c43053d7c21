package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// validateChildren lists the problems of the children of a Spec, with their
// paths.
func (s Spec) validateChildren() (errs []error) {
	if s.Strategy == SimpleOneForOne && len(s.Children) != 1 {
		errs = append(errs, fmt.Errorf("supervisor: Children has %d entries: with SimpleOneForOne it must have one, the template", len(s.Children)))
	}
	c := s.withDefaults().config(nil)
	names := map[string]bool{}
	for i, child := range s.Children {
		child = child.withDefaults()
		problem := func(err error) {
			if err != nil {
				errs = append(errs, fmt.Errorf("supervisor: Children[%d] %q: %w", i, child.Name, err))
			}
		}
		if child.isNothing() {
			problem(errNothing)
		}
		if names[child.Name] {
			problem(errors.New("an earlier one has the same Name"))
		}
		names[child.Name] = true
		problem(child.Validate())
		problem(child.rules().Suits(c))
	}
	return errs
}

// errNothing says that a child is nothing that could be started.
var errNothing = errors.New("it must have an Actor, a Command, a Supervisor or a Subtree")

// isNothing says whether none of them is set.
func (c Child) isNothing() bool { return c.Actor == nil && c.Command == nil && !c.supervises() }

// validateKind lists conflicts between the kind of a child and its fields.
func (c Child) validateKind() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("supervisor: "+format, args...)) }
	if strings.Contains(c.Name, "/") {
		bad("Name %q: it must not contain a slash, which separates the names of a path", c.Name)
	}
	if c.Operator && c.Actor == nil && (c.Subtree == nil || c.InPlace) {
		bad("Operator is only for actors, and for supervisors in processes of their own")
	}
	if c.Command != nil {
		errs = append(errs, c.Command.validate(c)...)
	}
	if c.Subtree != nil {
		errs = append(errs, c.validateSubtree()...)
	}
	if c.Supervisor == nil {
		return errs
	}
	if c.Actor != nil {
		bad("Actor and Supervisor are set: a child is one or the other")
	}
	if c.Name == "" {
		bad("Name: a supervisor needs one")
	}
	if c.InPlace || c.Memory != 0 || len(c.Env) > 0 || c.PassEnv != nil || c.Stderr != nil || c.Start != 0 {
		bad("InPlace, Memory, Env, PassEnv, Stderr and Start are for actors: a supervisor has no process of its own")
	}
	if c.Supervisor.Pace != (Pace{}) {
		bad("Supervisor.Pace: it belongs in the Spec of the whole program, or of a Definition")
	}
	if err := c.Supervisor.validateBelow(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// validateBelow lists every problem of the Spec of a supervisor below another.
func (s Spec) validateBelow() (err error) {
	if s.Log != nil || s.OnEvent != nil || s.OnLetter != nil || s.Notifier != "" {
		err = errors.New("supervisor: Log, OnEvent, OnLetter and Notifier belong in the Spec of the whole program")
	}
	return errors.Join(err, s.Validate())
}

func (c Child) withDefaults() Child {
	if c.Name == "" && c.Actor != nil {
		c.Name = c.Actor.Name()
	}
	if c.Name == "" && c.Command != nil {
		c.Name = filepath.Base(c.Command.Path)
	}
	if c.Name == "" && c.Subtree != nil {
		c.Name = c.Subtree.name
	}
	if !c.supervises() {
		c.Mailbox = c.Mailbox.QueueOr(os.Getenv(queueVar))
	}
	return c
}

// fromTemplate makes the child that c asks for from the template of a SimpleOneForOne
// supervisor. If c has no name, number becomes part of its name.
func (s Spec) fromTemplate(c Child, number uint32) (Child, error) {
	t := s.Children[0].withDefaults()
	rest := c
	rest.Name, rest.Env, rest.Actor, rest.Supervisor, rest.Subtree, rest.Mailbox.Queue = "", nil, nil, nil, nil, ""
	if !reflect.ValueOf(rest).IsZero() {
		return c, fmt.Errorf("supervisor: child %s: the supervisor's strategy is SimpleOneForOne: everything except Name and Env comes from its template", c.Name)
	}
	if c.Supervisor != nil && t.Supervisor == nil || c.Subtree != nil && c.Subtree != t.Subtree || c.Actor != nil && (t.Actor == nil || t.Actor.Name() != c.Actor.Name()) {
		return c, fmt.Errorf("supervisor: child %s: the supervisor's template is %s", c.Name, t.Name)
	}
	if c.Name == "" || c.Actor != nil && c.Name == c.Actor.Name() {
		t.Name = fmt.Sprintf("%s-%d", t.Name, number)
	} else {
		t.Name = c.Name
	}
	t.Env = append(append([]string(nil), t.Env...), c.Env...)
	return t, nil
}
