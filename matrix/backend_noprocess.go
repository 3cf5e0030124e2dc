//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"wsgimatrix/matrix/plan"
)

// engineFlags choose the engine of a run: here there is one, for our servers run on Linux alone.
type engineFlags struct{}

func (*engineFlags) flags(*cobra.Command) {}

func (*engineFlags) words() []string { return nil }

func (*tool) choose(_ engineFlags, p *plan.Plan) (*plan.Plan, error) { return p, nil }
