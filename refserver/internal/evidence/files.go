// Package evidence keeps the photos of returns as files in a folder.
package evidence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/returns"
)

// Files is a returns.EvidenceStore in a folder. Nothing outside of the folder
// can be reached through it, by no path and by no symbolic link. It is safe
// for concurrent use, by several processes too.
type Files struct {
	dir  string
	root atomic.Pointer[os.Root]
}

var _ returns.EvidenceStore = (*Files)(nil)

// Files are for this process's user alone.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

// Names of files that are being written begin so; no path can.
const tempPrefix = ".new-"

// staleTemp is when a file that is being written counts as left by a crash.
const staleTemp = time.Hour

// Open opens the folder, making it where it is missing, and removes what a
// crash left half written in it.
func Open(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("evidence: make the folder %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("evidence: open the folder %s: %w", dir, err)
	}
	f := &Files{dir: dir}
	f.root.Store(root)
	if err := f.removeStale(time.Now().Add(-staleTemp)); err != nil {
		return nil, errors.Join(fmt.Errorf("evidence: tidy the folder %s: %w", dir, err), root.Close())
	}
	return f, nil
}

// Close closes the folder. Readers that Open has returned stay usable.
func (f *Files) Close() error { return f.root.Load().Close() }

// check accepts relative paths of letters, digits, "-", "_" and ".", parted by
// slashes, in which no part begins with a dot.
func check(op, p string) error {
	ok := p != "" && p != "." && len(p) <= 1024 && fs.ValidPath(p)
	for part := range strings.SplitSeq(p, "/") {
		ok = ok && !strings.HasPrefix(part, ".")
	}
	for _, r := range p {
		ok = ok && (r == '/' || r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}
	if !ok {
		return fmt.Errorf("evidence: %s %q: a path is relative and made of letters, digits, - _ . and slashes, no part beginning with a dot", op, p)
	}
	return nil
}

// Put stores data under p, replacing what is there. It is on disk, whole, when
// Put returns nil; after an error or a crash what was there before still is.
func (f *Files) Put(ctx context.Context, p string, data []byte) (err error) {
	if err := check("put", p); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("evidence: put %s: %w", p, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("evidence: put %s: %w", p, err)
		}
	}()
	if err := f.ensure(); err != nil {
		return err
	}
	dir := path.Dir(p)
	if err := f.root.Load().MkdirAll(dir, dirMode); err != nil {
		return err
	}
	temp := path.Join(dir, tempPrefix+rand.Text())
	if err := f.write(temp, data); err != nil {
		return errors.Join(err, f.removeIfThere(temp))
	}
	if err := f.root.Load().Rename(temp, p); err != nil {
		return errors.Join(err, f.removeIfThere(temp))
	}
	// The names are on disk once their folders are.
	for d := dir; ; d = path.Dir(d) {
		if err := f.syncDir(d); err != nil {
			return err
		}
		if d == "." {
			return nil
		}
	}
}

func (f *Files) write(name string, data []byte) error {
	file, err := f.root.Load().OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (f *Files) syncDir(name string) error {
	d, err := f.root.Load().Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *Files) removeIfThere(name string) error {
	if err := f.root.Load().Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Open implements returns.EvidenceStore.
func (f *Files) Open(ctx context.Context, p string) (io.ReadCloser, error) {
	if err := check("open", p); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("evidence: open %s: %w", p, err)
	}
	file, err := f.root.Load().Open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("evidence: open %s: %w", p, returns.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: open %s: %w", p, err)
	}
	if st, err := file.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("evidence: open %s: %w", p, returns.ErrNotFound), err, file.Close())
	}
	return file, nil
}

// Delete implements returns.EvidenceStore.
func (f *Files) Delete(ctx context.Context, p string) error {
	if err := check("delete", p); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("evidence: delete %s: %w", p, err)
	}
	if err := f.removeIfThere(p); err != nil {
		return fmt.Errorf("evidence: delete %s: %w", p, err)
	}
	return nil
}

// List implements returns.EvidenceStore: prefix is a folder, "" the whole.
// Paths come in lexical order.
func (f *Files) List(ctx context.Context, prefix string, fn func(p string) error) error {
	start := strings.TrimSuffix(prefix, "/")
	if start == "" {
		start = "."
	} else if err := check("list", start); err != nil {
		return err
	}
	return fs.WalkDir(f.root.Load().FS(), start, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // not there, or deleted since its folder was read
		}
		if err != nil {
			return fmt.Errorf("evidence: list %s: %w", prefix, err)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("evidence: list %s: %w", prefix, err)
		}
		if !d.Type().IsRegular() || check("list", p) != nil {
			return nil
		}
		return fn(p)
	})
}

func (f *Files) removeStale(before time.Time) error {
	return fs.WalkDir(f.root.Load().FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(d.Name(), tempPrefix) {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || info.ModTime().After(before) {
			return err
		}
		return f.removeIfThere(p)
	})
}
