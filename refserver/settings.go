package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/returnkit/returnkit/refserver/internal/config"
)

//go:generate go run . settings document docs/settings.md

type settingsCommand struct {
	Check    settingsCheckCommand    `cmd:"" help:"Check the settings without starting anything."`
	List     settingsListCommand     `cmd:"" default:"1" help:"List all settings (default)."`
	Document settingsDocumentCommand `cmd:"" help:"Write the table of all settings as Markdown."`
}

type settingsCheckCommand struct{}

// Run reads the settings as serve does. The error names each that is wrong.
func (settingsCheckCommand) Run(p *process) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	database := "the SQLite file " + c.SQLiteFile()
	if c.DatabaseURL != "" {
		database = "the PostgreSQL database of DATABASE_URL"
	}
	fmt.Fprintf(p.stdout, "The settings are valid: %s on %s, with %s.\n", c.AppEnv, c.Address(), database)
	return nil
}

type settingsListCommand struct{}

// Run prints every setting with its default and what it must be.
func (settingsListCommand) Run(p *process) error { return listSettings(p) }

func listSettings(p *process) error {
	fmt.Fprintln(p.stdout, "Settings come from the environment and, for what is not set there, from the .env file.")
	group := ""
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	for _, s := range config.Settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(w, "\n%s\n", group)
		}
		value := s.Default
		switch value {
		case "":
			value = "(none)"
		case config.DefaultSuperAdminPassword, config.DefaultSecretKey:
			value = "(published)" // what this prints ends in logs
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Name, value, s.Allowed)
	}
	return w.Flush()
}

type settingsDocumentCommand struct {
	To string `arg:"" help:"File to write." type:"path"`
}

// Run writes the documentation of the settings.
func (c settingsDocumentCommand) Run(*process) error {
	return os.WriteFile(c.To, []byte(config.Markdown()), 0o644)
}

type helpCommand struct {
	Topic []string `arg:"" optional:"" help:"A command, or settings."`
}

// Run prints the help of the program, of a command, or of the settings.
func (c helpCommand) Run(p *process) error {
	if strings.Join(c.Topic, " ") == "settings" {
		return listSettings(p)
	}
	return Run(p.ctx, append(c.Topic, "--help"), p.environ, p.stdout, p.stderr)
}
