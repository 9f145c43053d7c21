package house

import (
	"go/ast"
	"path"
	"regexp"
	"strings"
)

var (
	span      = regexp.MustCompile("`([^`\n]+)`")
	qualified = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	field     = regexp.MustCompile(`(?:^|[^\w.])(?:([A-Z]\w*)|(sup|c|s|buf))\.([A-Z]\w*)`)
	eventErr  = regexp.MustCompile(`(?:^|[^\w.])((?:Event|Err|Reason|Letter)[A-Z]\w*)`)
	docLink   = regexp.MustCompile(`(?m)(?:^|[^\w\t])\[\*?((?:[a-z][\w/.-]*\.)?)([A-Z]\w*(?:\.[A-Z]\w*)?)\]`)
	variable  = regexp.MustCompile(`\bUNDERSTUDY_[A-Z_]*[A-Z]`)
	fence     = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```\\s*$")
)

// receivers are what pages call values of these types.
var receivers = map[string]string{"sup": "Supervisor", "c": "Context", "s": "Setup", "buf": "Buffer"}

// declared is what a package declares, its tests included: functions, types,
// constants and variables by their names, fields and methods as Type.Name.
type declared map[string]bool

func declare(files []*goFile) declared {
	d := declared{}
	for _, f := range files {
		for _, decl := range f.ast.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil {
					d[decl.Name.Name] = true
				} else if typ := typeName(decl.Recv.List[0].Type); typ != "" {
					d[typ+"."+decl.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					d.add(spec)
				}
			}
		}
	}
	return d
}

func (d declared) add(spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			d[name.Name] = true
		}
	case *ast.TypeSpec:
		d[s.Name.Name] = true
		ast.Inspect(s.Type, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				for _, name := range field.Names {
					d[s.Name.Name+"."+name.Name] = true
				}
				if len(field.Names) == 0 { // embedded
					d[s.Name.Name+"."+typeName(field.Type)] = true
				}
			}
			return true
		})
	}
}

// typeName is the name in a receiver's or embedded field's type.
func typeName(typ ast.Expr) string {
	switch t := typ.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.SelectorExpr:
		return t.Sel.Name
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// checkNames looks for what pages name in `code`: pkg.Name and pkg.Type.Name of
// a package here, tests, and variables of the environment.
func checkNames(r *repository, bad func(string, ...any)) {
	byName, all, sources := map[string]declared{}, declared{}, &strings.Builder{}
	for dir, files := range r.packages() {
		d := declare(files)
		for name := range d {
			all[name] = true
		}
		for _, f := range files {
			sources.Write(f.src)
		}
		if !strings.Contains(dir, "internal") && files[0].ast.Name.Name != "main" {
			byName[path.Base(dir)] = d
		}
	}
	for name, src := range r.files {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range span.FindAllStringSubmatch(fence.ReplaceAllString(string(src), ""), -1) {
			for _, q := range qualified.FindAllStringSubmatch(m[1], -1) {
				d := byName[q[1]]
				if d == nil {
					continue // of the standard library, or a variable's
				}
				if !d[q[2]] || q[3] != "" && !d[q[2]+"."+q[3]] {
					bad("%s names %s, which package %s does not have", name, q[0], q[1])
				}
			}
			for _, q := range field.FindAllStringSubmatch(m[1], -1) {
				typ := q[1] + receivers[q[2]]
				if all[typ] && !all[typ+"."+q[3]] {
					bad("%s names %s.%s, which is not there", name, typ, q[3])
				}
			}
			for _, q := range eventErr.FindAllStringSubmatch(m[1], -1) {
				if !all[q[1]] {
					bad("%s names %s, which is not there", name, q[1])
				}
			}
			for _, test := range testName.FindAllString(m[1], -1) {
				if !all[test] {
					bad("%s names %s, which is not there", name, test)
				}
			}
			for _, v := range variable.FindAllString(m[1], -1) {
				if !strings.Contains(sources.String(), v) {
					bad("%s names %s, which no code reads", name, v)
				}
			}
		}
	}
}

// checkDocLinks wants the links of doc comments to lead somewhere: to a name of
// the file's package or, after a package's name or path, of one that the package imports.
func checkDocLinks(r *repository, bad func(string, ...any)) {
	all := map[string]declared{}
	for dir, files := range r.packages() {
		all[dir] = declare(files)
	}
	for dir, files := range r.packages() {
		imported := map[string]string{} // paths by themselves and by their last elements
		for _, f := range files {
			for _, p := range f.imports() {
				if !f.test() {
					imported[p], imported[path.Base(p)] = p, p
				}
			}
		}
		for _, f := range files {
			for _, group := range f.ast.Comments {
				for _, m := range docLink.FindAllStringSubmatch(group.Text(), -1) {
					where, ours := dir, true
					if pkg := strings.TrimSuffix(m[1], "."); pkg != "" {
						where, ours = strings.CutPrefix(imported[pkg], module+"/")
						if imported[pkg] == "" {
							bad("%s: [%s%s] leads nowhere: %s is not imported", r.at(group.Pos()), m[1], m[2], pkg)
						}
					}
					if ours && !all[where][m[2]] {
						bad("%s: [%s%s] leads nowhere", r.at(group.Pos()), m[1], m[2])
					}
				}
			}
		}
	}
}
