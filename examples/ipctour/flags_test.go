package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	page := filepath.Join(t.TempDir(), "tour.html")
	if c, err := parseFlags([]string{"-quick", "-html", page}, io.Discard); err != nil || c.html != page || c.plan.each != quickPlan.each {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := parseFlags([]string{"-syscalls=false"}, io.Discard); err != nil || c.plan.counted != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for line, want := range map[string]string{
		"-bogus": "-help", "extra": `"extra"`, "-html " + page + "/x/tour.html": "create it first",
		"-html " + filepath.Dir(page): "a folder", "-html /proc/tour.html": "cannot be written to",
	} {
		if _, err := parseFlags(strings.Fields(line), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", line, err, want)
		}
	}
	var help bytes.Buffer
	if _, err := parseFlags([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, name := range []string{"-quick", "-html", "-syscalls"} {
		if !strings.Contains(help.String(), "\n  "+name) {
			t.Errorf("the help does not list %s:\n%s", name, &help)
		}
	}
}
