package house

import (
	"bytes"
	"go/format"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is one rule of the house. check calls bad with every violation.
type rule struct {
	name  string
	fix   string // how to obey it
	check func(r *repository, bad func(format string, args ...any))
}

var rules = []rule{
	{"gofmt", "run gofmt -w on the file", checkGofmt},
	{"imports", "move the code to the floor where it belongs; the table in imports_test.go has the reasons", checkImports},
	{"unsafe", "move the code to a file with _unsafe in its name, behind functions that are safe to call", checkUnsafe},
	{"raw system calls", "add a typed function to transport/internal/sys and call that", checkRawCalls},
	{"dependencies", "use the standard library or golang.org/x/sys, or make it a module of its own below examples", checkGoMod},
	{"package comments", "put the package comment, beginning \"Package name \" or \"Command name \", into doc.go (or main.go) and nowhere else", checkPackageComments},
	{"doc comments", "say what the name is for, with units, ownership, blocking and errors where they matter", checkDocComments},
	{"examples", "declare it in the file of the example, so that this can be copied", checkExamples},
	{"top level", "move the file into one of the directories, or add it to the list in this test with a reason", checkTopLevel},
	{"links", "correct the link: it is relative to the file that holds it; a test that its text names is in the file that it leads to", checkLinks},
	{"names", "correct the name, or take it out of the `code`", checkNames},
	{"links in comments", "correct the name, import its package, or leave the brackets out", checkDocLinks},
	{"words", "finish the work or describe it where work is planned; name files relative to the repository", checkWords},
	{"close-on-exec", "name the flag with CLOEXEC in its name in the call itself, or choose the call that takes it", checkCloseOnExec},
	{"size of files", "cut the file by reason to change", checkFileSize},
	{"size of functions", "name the parts: a function fits a screen", checkFuncSize},
	{"clocks", "measure with time.Now and time.Since, or CLOCK_MONOTONIC", checkClocks},
	{"sleep in tests", "wait for what has happened: a channel, a line of a helper, testing/synctest", checkSleep},
}

func TestHouse(t *testing.T) {
	r := repo(t)
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			rule.check(r, func(format string, args ...any) { t.Errorf(format, args...) })
			if t.Failed() {
				t.Log("how to fix it: " + rule.fix)
			}
		})
	}
}

func checkGofmt(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		if want, err := format.Source(f.src); err != nil || !bytes.Equal(want, f.src) {
			bad("%s is not formatted", f.path)
		}
	}
}

func checkGoMod(r *repository, bad func(string, ...any)) {
	inRequire := false
	for line := range strings.Lines(string(r.files["go.mod"])) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
			continue
		case fields[0] == ")":
			inRequire = false
			continue
		case fields[0] == "replace", fields[0] == "exclude":
			bad("go.mod: %s", line)
			continue
		case fields[0] == "require":
			fields = fields[1:]
			inRequire = len(fields) > 0 && fields[0] == "("
			if inRequire {
				continue
			}
		case !inRequire:
			continue
		}
		if len(fields) > 0 && fields[0] != "golang.org/x/sys" {
			bad("go.mod requires %s", strings.Join(fields, " "))
		}
	}
	if len(r.files["go.mod"]) == 0 {
		bad("there is no go.mod")
	}
}

// topLevel lists what the first page of the repository may show.
var topLevel = strings.Fields(`
	go.mod go.sum actor mailbox transport supervisor examples internal docs
	.ci .gitignore .git README.md LICENSE PROTOCOL.md TESTING.md SECURITY.md
	CHANGELOG.md CONTRIBUTING.md`)

func checkTopLevel(r *repository, bad func(string, ...any)) {
	entries, err := os.ReadDir(root)
	if err != nil {
		bad("%v", err)
	}
	ignored := strings.Fields(string(r.files[".gitignore"]))
	for _, e := range entries {
		if !slices.Contains(topLevel, e.Name()) && !matchesAny(e.Name(), ignored) {
			bad("%s does not belong at the top of the repository", e.Name())
		}
	}
}

// matchesAny knows the plain patterns that .gitignore uses here.
func matchesAny(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(strings.TrimPrefix(pattern, "/"), name)
		return ok
	})
}

var (
	link     = regexp.MustCompile(`\[([^\[\]]*)\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	code     = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```\\s*$|`[^`\n]+`")
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	testName = regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w*`)
)

func checkLinks(r *repository, bad func(string, ...any)) {
	for name, src := range r.files {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(src), ""), -1) {
			target, anchor, _ := strings.Cut(m[2], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if strings.HasPrefix(target, "../../security/") {
				continue // a page of the repository's host, not a file
			}
			file := path.Join(path.Dir(name), target)
			if target == "" {
				file = name
			}
			if _, err := os.Stat(path.Join(root, file)); err != nil {
				bad("%s links to %s, which does not exist", name, m[2])
				continue
			}
			if anchor != "" && path.Ext(file) == ".md" && !slices.Contains(anchors(r.files[file]), anchor) {
				bad("%s links to %s: %s has no such heading", name, m[2], file)
			}
			for _, test := range testName.FindAllString(m[1], -1) {
				if !bytes.Contains(r.files[file], []byte("\nfunc "+test+"(")) {
					bad("%s links to %s for %s, which is not there", name, m[2], test)
				}
			}
		}
	}
}

// anchors are the names by which links lead to the headings of a page.
func anchors(page []byte) (names []string) {
	for _, m := range heading.FindAllSubmatch(page, -1) {
		text := noAnchor.ReplaceAllString(strings.ToLower(string(m[1])), "")
		names = append(names, strings.ReplaceAll(text, " ", "-"))
	}
	return names
}

// words must not appear in any text file. They are put together here so that
// this file may say them.
var words = regexp.MustCompile(`\b(` + "TO" + `DO|` + "FIX" + `ME|` + "XX" + `X)\b|(^|[\s"'(=:` + "`" + `])/(ro` + `ot|ho` + `me|wo` + `rk)/`)

func checkWords(r *repository, bad func(string, ...any)) {
	for name, src := range r.files {
		n := 0
		for line := range strings.Lines(string(src)) {
			n++
			if m := words.FindString(line); m != "" {
				bad("%s:%d says %q", name, n, strings.TrimSpace(m))
			}
		}
	}
}
