package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Plan is how long each part of a run lasts.
type Plan struct {
	WarmN  int           // echo: trips of the warm-up, at most
	Warm   time.Duration // echo: its length, at most
	Echo   time.Duration // half of it for mean and CPU, half for percentiles
	Flood  time.Duration
	Blob   time.Duration
	Stream int64 // bytes of one stream, of a MiB each
	Fan    time.Duration
	Idle   int           // trips
	Spawn  int           // starts
	Rest   time.Duration // idle: how long nothing happens
	Boxes  int           // idle: mailboxes of actors in place
	Procs  int           // idle: of processes

	Windows *Windows `json:",omitempty"` // beside: instead of all that
}

var (
	fullPlan = Plan{WarmN: 20000, Warm: 400 * time.Millisecond, Echo: 700 * time.Millisecond,
		Flood: 400 * time.Millisecond, Blob: 120 * time.Millisecond, Stream: 256 << 20, Fan: 400 * time.Millisecond, Idle: 300, Spawn: 4, Rest: 10 * time.Second, Boxes: 1000, Procs: 50}
	quickPlan = Plan{WarmN: 2000, Warm: 50 * time.Millisecond, Echo: 200 * time.Millisecond,
		Flood: 120 * time.Millisecond, Blob: 40 * time.Millisecond, Stream: 64 << 20, Fan: 120 * time.Millisecond, Idle: 60, Spawn: 1, Rest: time.Second, Boxes: 1000, Procs: 10}
)

// planVar is the environment variable with the plan of a run, as JSON:
// durations in nanoseconds.
const planVar = "PEERS_PLAN"

// planFromEnv is the plan that this process was started with, or the full one.
func planFromEnv() (Plan, error) {
	p := fullPlan
	text := os.Getenv(planVar)
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("%s=%s: %w", planVar, text, err)
	}
	return p, nil
}
