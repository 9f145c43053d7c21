package house

import (
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"strings"
)

// checkExamples finds the names that the file of an example uses and does not declare: a
// reader of the documentation sees this file only, and copies it.
func checkExamples(r *repository, bad func(string, ...any)) {
	found := false
	for _, f := range r.goes {
		if !f.test() || !strings.HasPrefix(path.Base(f.path), "example") {
			continue
		}
		found = true
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, f.path, f.src, 0) // which finds what each name means in the file
		if err != nil {
			bad("%v", err)
			continue
		}
		known := map[string]bool{}
		for _, imported := range f.imports() {
			known[path.Base(imported)] = true
		}
		for _, name := range parsed.Unresolved {
			if !known[name.Name] && types.Universe.Lookup(name.Name) == nil {
				known[name.Name] = true // once is enough
				bad("%v: %s is declared in another file", fset.Position(name.Pos()), name.Name)
			}
		}
	}
	if !found {
		bad("there are no examples")
	}
}
