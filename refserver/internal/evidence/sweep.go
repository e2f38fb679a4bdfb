package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// Grace is how old a photo is before Sweep may remove it: far longer than a
// request lasts, which stores its photos before the row that names them.
const Grace = time.Hour

// skew is how far the clocks of the disk and of the database may be apart.
const skew = 24 * time.Hour

// Names calls drop with the path of every photo that a row names and that was
// stored at or after since; with more it does no harm.
type Names func(ctx context.Context, since time.Time, drop func(path string)) error

// Sweep removes photos that no row names: their requests were cut off between the
// photo and its row. It looks at files stored from one instant up
// to another, a directory at a time, and returns how many it removed.
func (f *Files) Sweep(ctx context.Context, from, to time.Time, names Names) (int, error) {
	removed := 0
	root := f.at()
	err := fs.WalkDir(root.FS(), ".", func(dir string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		orphans, oldest, err := f.storedIn(dir, from, to)
		if err != nil || len(orphans) == 0 {
			return err
		}
		if err := names(ctx, oldest.Add(-skew), func(p string) { delete(orphans, p) }); err != nil {
			return err
		}
		for p := range orphans {
			if err := f.Delete(ctx, p); err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("evidence: sweep: %w", err)
	}
	return removed, nil
}

// storedIn are the photos of a directory that were stored in [from, to), with
// the instant of the first.
func (f *Files) storedIn(dir string, from, to time.Time) (found map[string]bool, oldest time.Time, err error) {
	list, err := fs.ReadDir(f.at().FS(), dir)
	if err != nil {
		return nil, oldest, err
	}
	found = map[string]bool{}
	for _, e := range list {
		p := path.Join(dir, e.Name())
		if !e.Type().IsRegular() || check("sweep", p) != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, oldest, err
		}
		at := info.ModTime()
		if at.Before(from) || !at.Before(to) {
			continue
		}
		found[p] = true
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return found, oldest, nil
}
