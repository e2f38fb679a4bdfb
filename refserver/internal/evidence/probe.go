package evidence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ensure makes the directory again where it was removed or replaced since it
// was opened: what is kept open of it would take no file. Photos that were in
// it are gone.
func (f *Files) ensure() error {
	there, err := os.Stat(f.dir)
	if err == nil {
		if open, openErr := f.root.Load().Stat("."); openErr == nil && os.SameFile(there, open) {
			return nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(f.dir, dirMode); err != nil {
		return err
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return err
	}
	// Readers may hold the old one; it is closed when nobody does.
	f.root.Store(root)
	return nil
}

// Probe makes sure that a photo can be stored: it writes a small file and
// removes it.
func (f *Files) Probe(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.ensure(); err != nil {
		return fmt.Errorf("evidence: the directory: %w", err)
	}
	name := tempPrefix + "probe-" + rand.Text()
	err := f.write(name, make([]byte, 4096))
	if err = errors.Join(err, f.removeIfThere(name)); err != nil {
		return fmt.Errorf("evidence: write to the directory: %w", err)
	}
	return nil
}
