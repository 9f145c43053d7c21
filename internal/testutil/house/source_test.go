package house

import (
	"bytes"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

const (
	maxFileLines = 600
	maxFuncLines = 80
)

func checkUnsafe(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		for _, imported := range f.imports() {
			if imported == "unsafe" && !strings.Contains(path.Base(f.path), "_unsafe") {
				bad("%s imports unsafe", f.path)
			}
		}
	}
}

// rawCall says whether a name in package unix or package syscall takes the
// number of a system call.
func rawCall(name string) bool {
	for _, prefix := range []string{"Syscall", "RawSyscall", "AllThreadsSyscall"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func checkRawCalls(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		if within(f.dir, "transport/internal/sys/...") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !rawCall(sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "unix" || x.Name == "syscall") {
				bad("%s calls %s.%s", r.at(n.Pos()), x.Name, sel.Sel.Name)
			}
			return true
		})
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:"+"linkname") {
					bad("%s uses go:"+"linkname", r.at(c.Pos()))
				}
			}
		}
	}
}

func checkPackageComments(r *repository, bad func(string, ...any)) {
	for dir, files := range r.packages() {
		begin, homes, comments := "", []string(nil), 0
		for _, f := range files {
			if f.test() {
				continue
			}
			begin, homes = "Package "+f.ast.Name.Name+" ", []string{"doc.go"}
			if f.ast.Name.Name == "main" {
				begin, homes = "Command "+path.Base(dir)+" ", []string{"main.go", "doc.go"}
			}
			text := f.ast.Doc.Text()
			if text == "" {
				continue // none, or build constraints alone
			}
			comments++
			if !slices.Contains(homes, path.Base(f.path)) {
				bad("%s has a package comment; its place is %s", f.path, homes[0])
			}
			if !strings.HasPrefix(text, begin) {
				bad("%s: the package comment does not begin with %q", f.path, begin)
			}
		}
		if begin != "" && comments != 1 {
			bad("%s: %d files with a package comment, want one, %s", dir, comments, homes[0])
		}
	}
}

// wellKnown are methods whose meaning the standard library has fixed.
var wellKnown = map[string]bool{"Error": true, "String": true, "Unwrap": true}

func checkDocComments(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		if f.test() || f.ast.Name.Name == "main" {
			continue
		}
		for i, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Doc.Text() != "" || !d.Name.IsExported() || !exportedReceiver(d) {
					continue
				}
				if d.Recv != nil && wellKnown[d.Name.Name] || i > 0 && r.continues(f.ast.Decls[i-1], d) {
					continue
				}
				bad("%s: %s has no doc comment", r.at(d.Pos()), d.Name.Name)
			case *ast.GenDecl:
				checkSpecs(r, d, bad)
			}
		}
	}
}

// continues says whether d is a further line of a list of one-line methods of
// the same name: the comment above the list is the comment of all.
func (r *repository) continues(before ast.Decl, d *ast.FuncDecl) bool {
	b, ok := before.(*ast.FuncDecl)
	line := func(p token.Pos) int { return r.fset.Position(p).Line }
	return ok && b.Name.Name == d.Name.Name && line(b.End())+1 == line(d.Pos())
}

// checkSpecs wants a comment on each type, and on each constant and variable
// or on their group.
func checkSpecs(r *repository, d *ast.GenDecl, bad func(string, ...any)) {
	for _, spec := range d.Specs {
		var names []*ast.Ident
		documented := d.Doc.Text() != ""
		switch s := spec.(type) {
		case *ast.TypeSpec:
			names = []*ast.Ident{s.Name}
			documented = s.Doc.Text() != "" || documented && !d.Lparen.IsValid()
		case *ast.ValueSpec:
			names = s.Names
			documented = documented || s.Doc.Text() != "" || s.Comment.Text() != ""
		}
		for _, name := range names {
			if name.IsExported() && !documented {
				bad("%s: %s has no doc comment", r.at(name.Pos()), name.Name)
			}
		}
	}
}

// exportedReceiver says whether a function is one or its receiver's type is
// exported: others cannot be called by name from outside.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr: // one type parameter
			typ = t.X
		case *ast.IndexListExpr: // several
			typ = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return false
		}
	}
}

// checkClocks wants times to be measured by the clock that nobody can set: a clock that
// is set must end no wait, early or late, and count no restart.
func checkClocks(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		if f.test() || within(f.dir, "internal/testutil/...") || within(f.dir, "examples/...") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && (strings.Contains(sel.Sel.Name, "REALTIME") || strings.HasPrefix(sel.Sel.Name, "UnixN") || strings.HasPrefix(sel.Sel.Name, "UnixM")) {
				bad("%s uses %s", r.at(n.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

// opens are the functions of packages unix and syscall that make a descriptor and take
// flags. Those in inherited take none, so the descriptor is never close-on-exec.
var (
	opens     = strings.Fields("Open Openat Pipe2 Socket Socketpair Accept4 EpollCreate1 Eventfd MemfdCreate Dup3 InotifyInit1 Signalfd TimerfdCreate Recvmsg RecvmsgBuffers")
	inherited = strings.Fields("Creat Pipe Accept EpollCreate Dup Dup2 InotifyInit F_DUPFD")
)

// checkCloseOnExec wants every descriptor to stay in the process that made it, unless it
// is passed on: who has a descriptor has the right to what it stands for.
func checkCloseOnExec(r *repository, bad func(string, ...any)) {
	named := func(n ast.Node, names []string) (name string, ok bool) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(names, sel.Sel.Name) {
			return "", false
		}
		x, ok := sel.X.(*ast.Ident)
		return sel.Sel.Name, ok && (x.Name == "unix" || x.Name == "syscall")
	}
	for _, f := range r.goes {
		if f.test() || within(f.dir, "examples/...") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if name, ok := named(n, inherited); ok {
				bad("%s uses %s", r.at(n.Pos()), name)
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name, ok := named(call.Fun, opens); ok && !bytes.Contains(f.src[call.Lparen-f.ast.FileStart:call.Rparen-f.ast.FileStart], []byte("CLOEXEC")) {
				bad("%s calls %s", r.at(n.Pos()), name)
			}
			return true
		})
	}
}

func checkFileSize(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		if n := bytes.Count(f.src, []byte("\n")); n > maxFileLines {
			bad("%s has %d lines, limit %d", f.path, n, maxFileLines)
		}
	}
}

func checkFuncSize(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		for _, decl := range f.ast.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := r.fset.Position(d.End()).Line - r.fset.Position(d.Pos()).Line + 1
			if n > maxFuncLines {
				bad("%s: %s has %d lines, limit %d", r.at(d.Pos()), d.Name.Name, n, maxFuncLines)
			}
		}
	}
}

// maySleep lists the test files in which a sleep is the subject and not a way
// to wait, each with the reason.
var maySleep = map[string]string{
	"actor/process_test.go":              "a handler that asks its context now and then, as a busy one would",
	"transport/mq/process_linux_test.go": "a random moment for a kill; nothing waits for it",

	"transport/notify/process_linux_test.go": "answers that come late; nothing waits for them",

	"supervisor/stopped_linux_test.go":                "a time that somebody has must pass while its supervisor is stopped",
	"supervisor/internal/process/reuse_linux_test.go": "two processes of one number must differ by their start",
}

func checkSleep(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		if !f.test() || maySleep[f.path] != "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
					bad("%s sleeps", r.at(n.Pos()))
				}
			}
			return true
		})
	}
}
