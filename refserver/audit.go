package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/returnkit/returnkit/refserver/internal/app"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Check that nothing in the audit was changed or removed."`
}

type auditVerifyCommand struct{}

// Run checks the chain of the audit, whether the shop runs or not, and prints
// each day with the hash that proves it. Its error names the first entry that
// is not as it was added.
func (auditVerifyCommand) Run(p *process) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	days, err := app.VerifyAudit(p.ctx, c)
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	for _, d := range days {
		fmt.Fprintf(w, "%s\t%d entries\t%s\n", d.Day, d.Entries, d.Hash)
	}
	if flushErr := w.Flush(); flushErr != nil {
		return flushErr
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "The audit is complete and unchanged.")
	return nil
}
