package main

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/backup"
	"github.com/returnkit/returnkit/refserver/internal/config"
)

type backupCommand struct {
	To string `arg:"" help:"Folder for the copy; it must be empty or missing." type:"path"`
}

// Run copies the shop, which may be running.
func (c backupCommand) Run(p *process) error {
	settings, err := p.config()
	if err != nil {
		return err
	}
	m, err := backup.Save(p.ctx, backupSource(settings), c.To, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(
		p.stdout,
		"Saved the %s database and %d photos, %d bytes in all, to %s\n",
		m.Kind,
		m.Photos,
		m.Bytes,
		c.To,
	)
	return nil
}

type restoreCommand struct {
	From string `arg:"" help:"Folder that refserver backup made." type:"existingdir"`
}

// Run makes a shop of a backup, where none is.
func (c restoreCommand) Run(p *process) error {
	settings, err := p.config()
	if err != nil {
		return err
	}
	m, err := backup.Restore(p.ctx, backupSource(settings), c.From)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Restored the %s database of %s and %d photos\n", m.Kind, m.At.Format(time.RFC3339), m.Photos)
	return nil
}

func backupSource(c config.Config) backup.Source {
	s := backup.Source{DatabaseURL: c.DirectURL(), SQLiteFile: c.SQLiteFile(), EvidenceDir: c.EvidenceDir()}
	if c.Simulated() {
		s.LedgerFile = c.LedgerFile()
	}
	return s
}
