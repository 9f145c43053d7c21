package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	cfg, err := parseFlags(strings.Fields("-kill 300ms -for 5s -workers 4 -json"), io.Discard)
	if want := (config{json: true, workers: 4, kill: 300 * time.Millisecond, length: 5 * time.Second}); err != nil || cfg != want {
		t.Errorf("%+v, %v", cfg, err)
	}
	for line, want := range map[string]string{
		"-bogus": "-help", "extra": `"extra"`, "-workers 0": "between 1 and 64", "-workers 65": "-workers 65", "-kill -1s": "negative", "-for -1s": "negative",
	} {
		if _, err := parseFlags(strings.Fields(line), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", line, err, want)
		}
	}
	var help bytes.Buffer
	if _, err := parseFlags([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, name := range []string{"-kill", "-for", "-workers", "-json"} {
		if !strings.Contains(help.String(), "\n  "+name) {
			t.Errorf("the help does not list %s:\n%s", name, &help)
		}
	}
}
