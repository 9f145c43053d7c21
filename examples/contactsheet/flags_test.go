package main

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

func TestParseFlags(t *testing.T) {
	cfg, err := parseFlags(nil, io.Discard)
	if want := (config{out: "contactsheet.png", workers: defaultWorkers(), memory: defaultMemoryMiB << 20}); err != nil || cfg != want {
		t.Errorf("without arguments: %+v, error %v, want %+v", cfg, err, want)
	}
	all := config{dir: "some dir", out: "x.png", workers: 3, memory: 100 << 20, kill: true, json: true}
	for _, line := range []string{
		"-workers 3 -out x.png -memory 100 -kill -json|some dir",
		"some dir|-json -kill -memory=100 --out=x.png --workers=3",
		"-kill -json|some dir|-workers 3 -out x.png -memory 100",
		"-kill -json -workers 3 -out x.png -memory 100 --|some dir",
	} {
		var args []string
		for part := range strings.SplitSeq(line, "|") {
			if part == "some dir" {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		if cfg, err := parseFlags(args, io.Discard); err != nil || cfg != all {
			t.Errorf("%q: %+v, error %v, want %+v", args, cfg, err, all)
		}
	}
	if cfg, err := parseFlags([]string{"--", "-kill"}, io.Discard); err != nil || cfg.dir != "-kill" || cfg.kill {
		t.Errorf("after -- comes a folder, got %+v, error %v", cfg, err)
	}
}

func TestParseFlagsErrors(t *testing.T) {
	for line, want := range map[string]string{
		"-workers 0":                 "-workers 0: it must be between 1 and 64",
		"-workers 65":                "-workers 65",
		"-workers many":              `invalid value "many"`,
		"-memory 63":                 "-memory 63: it must be between 64",
		"-memory 99999999999":        "-memory 99999999999",
		"-out= x":                    "-out must name a file",
		"a b":                        "give one folder, not 2",
		"-fast":                      "-help lists the flags",
		"-workers 0 -memory 1 a b c": "-memory 1",
	} {
		if _, err := parseFlags(strings.Fields(line), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", line, err, want)
		}
	}
	if _, err := parseFlags([]string{""}, io.Discard); err == nil {
		t.Error("a folder without a name was taken")
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-h", "-help", "--help"} {
		var help strings.Builder
		if _, err := parseFlags([]string{arg}, &help); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: error %v, want flag.ErrHelp", arg, err)
		}
		for _, want := range []string{"-workers", "-memory", "-out", "-kill", "-json", "examples:"} {
			if !strings.Contains(help.String(), want) {
				t.Errorf("%s does not speak of %s", arg, want)
			}
		}
		if strings.Contains(help.String(), "%!") {
			t.Errorf("%s has a slip of the pen: %s", arg, help.String())
		}
	}
}
