package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

//go:generate go run . permissions document docs/permissions.md

type permissionsCommand struct {
	List     permissionsListCommand     `cmd:"" default:"1" help:"List all routes with their roles (default)."`
	Document permissionsDocumentCommand `cmd:"" help:"Write the tables of roles, permissions and routes as Markdown."`
}

type permissionsListCommand struct{}

// Run prints every route with what it needs and the roles that have that.
func (permissionsListCommand) Run(p *process) error {
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	if _, err := fmt.Fprint(w, access.Text()); err != nil {
		return err
	}
	return w.Flush()
}

type permissionsDocumentCommand struct {
	To string `arg:"" help:"File to write." type:"path"`
}

// Run writes the documentation of roles and permissions.
func (c permissionsDocumentCommand) Run(*process) error {
	return os.WriteFile(c.To, []byte(access.Markdown()), 0o644)
}
