// Package evidence keeps the photos of returns as files in a directory.
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
	"sync"
	"time"

	"github.com/returnkit/returnkit/returns"
)

// Files is a returns.EvidenceStore in a directory. Nothing outside of the
// directory can be reached through it, by no path and by no symbolic link. It
// is safe for concurrent use, by several processes too. Where the directory is
// removed while it is in use, it is made again.
type Files struct {
	dir    string
	remade func(dir string)
	sync   func(root *os.Root, dir string) error // syncDir; tests count

	mu    sync.RWMutex
	root  *os.Root
	named *sync.Map // of root: directories whose own names are on disk
}

// Option changes how Open opens a directory.
type Option func(*Files)

// OnRemade has fn called when the directory was gone, with all that was in it,
// and had to be made again.
func OnRemade(fn func(dir string)) Option { return func(f *Files) { f.remade = fn } }

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

// Open opens the directory, making it where it is missing, and removes what a
// crash left half written in it.
func Open(dir string, options ...Option) (*Files, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &Files{dir: dir, root: root, named: new(sync.Map), sync: syncDir, remade: func(string) {}}
	for _, o := range options {
		o(f)
	}
	if err := f.removeStale(time.Now().Add(-staleTemp)); err != nil {
		return nil, errors.Join(fmt.Errorf("evidence: tidy the directory %s: %w", dir, err), root.Close())
	}
	return f, nil
}

func openRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("evidence: make the directory %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("evidence: open the directory %s: %w", dir, err)
	}
	return root, nil
}

// Close closes the directory. Readers that Open has returned stay usable.
func (f *Files) Close() error { return f.at().Close() }

// at is the directory as it is open now.
func (f *Files) at() *os.Root {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.root
}

// revive makes the directory again where it is gone, or another has come in
// its place; seen is the one that failed. It reports whether there is a new one.
func (f *Files) revive(seen *os.Root) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root != seen {
		return true, nil // somebody was faster
	}
	there, err := os.Stat(f.dir)
	if err == nil {
		if open, err := seen.Stat("."); err == nil && os.SameFile(there, open) {
			return false, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	root, err := openRoot(f.dir)
	if err != nil {
		return false, err
	}
	f.root, f.named = root, new(sync.Map)
	f.remade(f.dir)
	return true, seen.Close()
}

// within runs do on the directory, and once more where that was gone.
func (f *Files) within(do func(*os.Root) error) error {
	root := f.at()
	// One that was moved away would take what is written to it.
	if _, err := f.revive(root); err != nil {
		return err
	}
	root = f.at()
	err := do(root)
	if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, os.ErrClosed) {
		return err
	}
	again, failed := f.revive(root)
	if failed != nil || !again {
		return errors.Join(err, failed)
	}
	return do(f.at())
}

// Temp makes a file for what is not a photo yet, such as an upload under way.
// It has no name, or one that the next start removes: whatever ends the process
// leaves nothing behind.
func (f *Files) Temp() (*os.File, error) {
	var file *os.File
	err := f.within(func(root *os.Root) (err error) {
		name := tempPrefix + rand.Text()
		if file, err = root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode); err != nil {
			return err
		}
		// Where an open file can't be removed, the one who closes it does.
		_ = root.Remove(name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("evidence: make a temporary file: %w", err)
	}
	return file, nil
}

// Check reports whether photos can be stored now.
func (f *Files) Check(context.Context) error {
	file, err := f.Temp()
	if err != nil {
		return err
	}
	if _, err := file.Write(make([]byte, probeBytes)); err != nil {
		return errors.Join(fmt.Errorf("evidence: write to the directory: %w", err), file.Close())
	}
	return file.Close()
}

// probeBytes is what Check writes: a full disk has no room for it.
const probeBytes = 4096

const pathLetters = "/-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// check accepts relative paths of letters, digits, "-", "_" and ".", parted by
// slashes, in which no part begins with a dot.
func check(op, p string) error {
	ok := p != "" && p != "." && len(p) <= 1024 && fs.ValidPath(p)
	for part := range strings.SplitSeq(p, "/") {
		ok = ok && !strings.HasPrefix(part, ".")
	}
	ok = ok && !strings.ContainsFunc(p, func(r rune) bool {
		return !strings.ContainsRune(pathLetters, r)
	})
	if !ok {
		return fmt.Errorf(
			"evidence: %s %q: a path is relative, of letters, digits, - _ . and slashes, no part beginning with a dot",
			op,
			p,
		)
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
	return f.within(func(root *os.Root) error { return f.put(root, p, data) })
}

func (f *Files) put(root *os.Root, p string, data []byte) error {
	dir := path.Dir(p)
	if err := f.makeDir(root, dir); err != nil {
		return err
	}
	temp := path.Join(dir, tempPrefix+rand.Text())
	if err := write(root, temp, data); err != nil {
		return errors.Join(err, removeIfThere(root, temp))
	}
	if err := root.Rename(temp, p); err != nil {
		return errors.Join(err, removeIfThere(root, temp))
	}
	// The name of the file is on disk once its directory is.
	if err := f.sync(root, dir); err != nil {
		return err
	}
	return f.nameDir(root, dir)
}

// nameDir has the name of a directory, and of its parents, on disk. Once is
// enough: waiting for the disk is most of what a photo costs.
func (f *Files) nameDir(root *os.Root, dir string) error {
	named := f.namesOf(root)
	if _, done := named.Load(dir); done {
		return nil
	}
	for d := dir; d != "."; {
		d = path.Dir(d)
		if err := f.sync(root, d); err != nil {
			return err
		}
	}
	named.Store(dir, struct{}{})
	return nil
}

// namesOf are the directories of root whose names are on disk. One that was
// left for another has none.
func (f *Files) namesOf(root *os.Root) *sync.Map {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.root != root {
		return new(sync.Map)
	}
	return f.named
}

// makeDir makes a directory where it is missing.
func (f *Files) makeDir(root *os.Root, dir string) error {
	if _, err := root.Stat(dir); err == nil {
		return nil
	}
	f.namesOf(root).Clear() // whatever was removed has to be named again
	return root.MkdirAll(dir, dirMode)
}

func write(root *os.Root, name string, data []byte) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeIfThere(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	file, err := f.at().Open(p)
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
	if err := removeIfThere(f.at(), p); err != nil {
		return fmt.Errorf("evidence: delete %s: %w", p, err)
	}
	return nil
}

// List implements returns.EvidenceStore: prefix is a directory, "" the whole.
// Paths come in lexical order.
func (f *Files) List(ctx context.Context, prefix string, fn func(p string) error) error {
	start := strings.TrimSuffix(prefix, "/")
	if start == "" {
		start = "."
	} else if err := check("list", start); err != nil {
		return err
	}
	return fs.WalkDir(f.at().FS(), start, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // not there, or deleted since its directory was read
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
	root := f.at()
	return fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
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
		return removeIfThere(root, p)
	})
}
