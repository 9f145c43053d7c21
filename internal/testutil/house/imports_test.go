package house

import "strings"

// floor says what the packages below a directory may import of this module.
// The first entry whose path matches a package decides.
type floor struct {
	path   string   // a directory; with "/..." also everything below
	may    []string // directories of this module, in the same form
	reason string
}

const faultPoints = "internal/testutil/fault"

var floors = []floor{
	{"internal/testutil/fault", []string{faultPoints},
		"fault points are compiled into every floor, so they may need none"},
	{"internal/testutil/...", []string{"internal/testutil/..."},
		"every package's tests use it: an import of one of them would be a cycle"},
	{"internal/cpu", []string{"internal/cpu"},
		"it knows the processor and nothing else"},
	{"mailbox/codec", []string{"mailbox/codec"},
		"encoding knows values and bytes; it is fuzzed and reused without any IPC"},
	{"transport/transporttest", []string{"transport/...", "internal/testutil/..."},
		"the conformance suite is test equipment in a package of its own, so that every form can call it"},
	{"transport/...", []string{"transport/...", "internal/cpu", faultPoints},
		"the transport sees bytes, memory and descriptors, never values or processes"},
	{"mailbox/...", []string{"mailbox/...", "transport/...", "internal/cpu", faultPoints},
		"the mailbox turns values into bytes; who handles them is no concern of it"},
	{"internal/hosting", []string{"mailbox", "transport", "transport/wire"},
		"actor and supervisor both import it"},
	{"actor/...", []string{"actor/...", "internal/hosting", "mailbox/...", "transport/...", faultPoints},
		"actor and supervisor meet on the wire, and in internal/hosting"},
	{"supervisor/internal/...", []string{"supervisor/internal/...", "transport/...", faultPoints},
		"the tree decides about processes; it never needs a Go type of a message"},
	{"supervisor/...", []string{"supervisor/...", "actor/...", "internal/hosting", "mailbox/...", "transport/...", faultPoints},
		"the composition that starts a program sees both sides"},
	{"examples/...", []string{"actor", "mailbox", "transport", "supervisor",
		"transport/lane", "transport/ring", "transport/mq", "transport/sock", "transport/segment", "transport/notify", "transport/shared", "examples/..."},
		"an example shows what a reader can write: public packages only"},
}

// onlyStd lists packages that may import nothing but the standard library.
var onlyStd = []string{"mailbox/codec"}

func checkImports(r *repository, bad func(string, ...any)) {
	for _, f := range r.goes {
		for _, imported := range f.imports() {
			checkStd(f, imported, bad)
			local, ok := strings.CutPrefix(imported, module+"/")
			if !ok || f.test() && testMay(local) {
				continue
			}
			checkFloor(f, local, bad)
		}
	}
}

// testMay lists what the tests of any package may import beyond its floor: the
// test equipment, and, across real processes, the whole program.
func testMay(local string) bool {
	return within(local, "internal/testutil/...") || within(local, "mailbox") || within(local, "actor") || within(local, "supervisor")
}

func checkStd(f *goFile, imported string, bad func(string, ...any)) {
	first, _, _ := strings.Cut(imported, "/")
	std := !strings.Contains(first, ".")
	for _, dir := range onlyStd {
		if within(f.dir, dir) && !f.test() && !std {
			bad("%s imports %s: %s uses the standard library only", f.path, imported, dir)
		}
	}
	if imported == "net/http" && !f.test() && !within(f.dir, "examples/...") {
		bad("%s imports net/http: only examples may, so that no program links a web server that it does not have", f.path)
	}
}

func checkFloor(f *goFile, local string, bad func(string, ...any)) {
	for _, fl := range floors {
		if !within(f.dir, fl.path) {
			continue
		}
		for _, may := range fl.may {
			if within(local, may) {
				return
			}
		}
		bad("%s imports %s, which %s may not: %s", f.path, local, fl.path, fl.reason)
		return
	}
	bad("%s: no entry of the table covers the directory %s", f.path, f.dir)
}

// within says whether dir is named by pattern.
func within(dir, pattern string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return dir == base || deep && strings.HasPrefix(dir, base+"/")
}
