package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
)

// The bounds of the flags.
const (
	maxWorkers       = 64
	minMemoryMiB     = 64
	defaultMemoryMiB = 768 // a progressive JPEG of 24 megapixels needs 400; the rest is for fragmentation between pictures
	maxMemoryMiB     = 1 << 20
)

// config is what the command line asks for.
type config struct {
	dir     string // the folder; "" for the samples
	out     string // the file to write
	workers int    // decoder processes
	memory  int64  // the limit of each decoder, in bytes
	kill    bool   // kill a decoder every 100 ms
	json    bool   // write one JSON object instead of a text
}

const usage = `contactsheet turns a folder of JPEG, PNG and GIF pictures into one contact sheet.
Decoders run in their own processes; a file that kills one harms no other file.

usage: contactsheet [flags] [DIR]

Without DIR it paints a set of samples, among them a damaged file and a
decompression bomb.

flags:
  -workers N    decoder processes, 1 to %d (default %d: one per CPU, at least 2)
  -memory MIB   memory limit of each decoder, in MiB, at least %d (default %d)
  -out FILE     the sheet, a PNG file (default contactsheet.png)
  -kill         kill a random decoder every 100 ms; the sheet stays the same
  -json         write one JSON object to standard output instead of a text

examples:
  contactsheet                            the samples
  contactsheet ~/Pictures                 a folder and the folders below it
  contactsheet -kill -workers 4 DIR       lose decoders, but no picture
  contactsheet -json -out /tmp/s.png DIR  for another program to read
`

// defaultWorkers is one decoder per CPU, but at least two, so that one works while
// another is restarted.
func defaultWorkers() int { return min(max(2, runtime.NumCPU()), maxWorkers) }

// parseFlags reads a command line. For -help it writes the help to help and
// returns flag.ErrHelp. Flags may come before and after DIR.
func parseFlags(args []string, help io.Writer) (config, error) {
	cfg := config{}
	fs := flag.NewFlagSet("contactsheet", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.IntVar(&cfg.workers, "workers", defaultWorkers(), "")
	memory := fs.Int64("memory", defaultMemoryMiB, "")
	fs.StringVar(&cfg.out, "out", "contactsheet.png", "")
	fs.BoolVar(&cfg.kill, "kill", false, "")
	fs.BoolVar(&cfg.json, "json", false, "")
	var dirs []string
	for rest := args; ; {
		if err := fs.Parse(rest); errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(help, usage, maxWorkers, defaultWorkers(), minMemoryMiB, defaultMemoryMiB)
			return cfg, err
		} else if err != nil {
			return cfg, fmt.Errorf("%w; -help lists the flags", err)
		}
		if fs.NArg() == 0 {
			break
		}
		if n := len(rest) - fs.NArg(); n > 0 && rest[n-1] == "--" { // the rest are names
			dirs = append(dirs, fs.Args()...)
			break
		}
		dirs = append(dirs, fs.Arg(0))
		rest = fs.Args()[1:]
	}
	cfg.memory = *memory << 20
	return cfg, cfg.check(*memory, dirs)
}

// check lists all problems of the values, and sets the folder.
func (cfg *config) check(memoryMiB int64, dirs []string) error {
	var errs []error
	if cfg.workers < 1 || cfg.workers > maxWorkers {
		errs = append(errs, fmt.Errorf("-workers %d: it must be between 1 and %d", cfg.workers, maxWorkers))
	}
	if memoryMiB < minMemoryMiB || memoryMiB > maxMemoryMiB {
		errs = append(errs, fmt.Errorf("-memory %d: it must be between %d and %d MiB", memoryMiB, minMemoryMiB, maxMemoryMiB))
	}
	if cfg.out == "" {
		errs = append(errs, errors.New("-out must name a file"))
	}
	switch {
	case len(dirs) > 1:
		errs = append(errs, fmt.Errorf("give one folder, not %d: %q", len(dirs), dirs))
	case len(dirs) == 1 && dirs[0] == "":
		errs = append(errs, errors.New("the name of the folder is empty; leave it out to see the samples"))
	case len(dirs) == 1:
		cfg.dir = dirs[0]
	}
	return errors.Join(errs...)
}
