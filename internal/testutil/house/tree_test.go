package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../../.."
	module = "github.com/understudy-go/understudy"
)

// goFile is one parsed Go file.
type goFile struct {
	path string // slash-separated, from the root of the repository
	dir  string
	src  []byte
	ast  *ast.File
}

func (f *goFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// imports returns the import paths of the file.
func (f *goFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, "`\""))
	}
	return paths
}

// repository is everything the rules look at.
type repository struct {
	fset  *token.FileSet
	files map[string][]byte // every text file by its path
	goes  []*goFile         // the Go files, by path
}

// packages groups the Go files by their directory.
func (r *repository) packages() map[string][]*goFile {
	dirs := make(map[string][]*goFile)
	for _, f := range r.goes {
		dirs[f.dir] = append(dirs[f.dir], f)
	}
	return dirs
}

// at renders a position for a message.
func (r *repository) at(p token.Pos) string {
	pos := r.fset.Position(p)
	return fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
}

// load reads the repository once for all rules.
var load = sync.OnceValues(func() (*repository, error) {
	r := &repository{fset: token.NewFileSet(), files: make(map[string][]byte)}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel == ".git" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if rel == ".git" || !d.Type().IsRegular() { // a working tree has a file of this name
			return nil
		}
		return r.add(name, filepath.ToSlash(rel))
	})
	return r, err
})

// add reads one file; what looks binary, or is large, is not text.
func (r *repository) add(name, rel string) error {
	if info, err := os.Stat(name); err != nil || info.Size() > 1<<20 {
		return nil // gone meanwhile, or no source
	}
	src, err := os.ReadFile(name)
	if err != nil || bytes.IndexByte(src, 0) >= 0 {
		return err
	}
	r.files[rel] = src
	if path.Ext(rel) != ".go" {
		return nil
	}
	parsed, err := parser.ParseFile(r.fset, rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	r.goes = append(r.goes, &goFile{path: rel, dir: path.Dir(rel), src: src, ast: parsed})
	return nil
}

// repo loads the repository or ends the test.
func repo(t *testing.T) *repository {
	t.Helper()
	r, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.goes) < 20 {
		t.Fatalf("only %d Go files below %s: the rules would prove nothing", len(r.goes), root)
	}
	return r
}
