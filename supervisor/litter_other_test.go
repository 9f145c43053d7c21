//go:build !linux

package supervisor_test

import (
	"errors"

	"github.com/understudy-go/understudy/actor"
)

func litter(*actor.Context, Litter) (Me, error) { return Me{}, errors.ErrUnsupported }
