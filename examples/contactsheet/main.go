package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	cfg, err := parseFlags(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintf(os.Stderr, "contactsheet: %v\n", err)
		os.Exit(2)
	}
	if err := run(context.Background(), cfg, startPool, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "contactsheet: %v\n", err)
		os.Exit(1)
	}
}
