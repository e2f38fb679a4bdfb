package main

import (
	"fmt"

	"github.com/returnkit/returnkit/refserver/internal/app"
)

type accountCommand struct {
	RemoveSecondFactor removeSecondFactorCommand `cmd:"" help:"Remove the second factor of an account."`
}

type removeSecondFactorCommand struct {
	Username string `arg:"" help:"Name of the account."`
}

// Run removes the second factor of an account, whether the shop runs or not,
// and ends all its sessions.
func (c removeSecondFactorCommand) Run(p *process) error {
	settings, err := p.config()
	if err != nil {
		return err
	}
	u, err := app.RemoveSecondFactor(p.ctx, settings, c.Username)
	if err != nil {
		return err
	}
	fmt.Fprintf(
		p.stdout,
		"The second factor of %s is removed, and all sessions of the account have ended.\n",
		u.Username,
	)
	return nil
}
