package main

import (
	"os"
	"testing"

	"github.com/understudy-go/understudy/supervisor"
)

func TestMain(m *testing.M) {
	supervisor.RunChild()
	os.Exit(m.Run())
}
