package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/returns"
)

// ErrFull is returned where there is no room for a photo.
var ErrFull = errors.New("evidence: no room to keep the photo")

// ShelfConfig says how much a Shelf keeps. The zero value is the default of each field.
type ShelfConfig struct {
	Lasts        time.Duration // since a photo was last asked for; 0: an hour
	AccountCount int           // photos of an account; 0: 40
	AccountBytes int64         // of an account; 0: 200 MiB
	TotalBytes   int64         // of all accounts; 0: 1 GiB
}

// Shelf keeps photos as they were sent for a while, so that a customer who has to correct a form need
// not send them again. Each belongs to the account that sent it, and no other gets it. A Shelf is
// bounded, in what it keeps of an account and in all: what has no room is not kept, and takes
// nothing from what is there. It is safe for concurrent use, by several processes too.
type Shelf struct {
	files *Files
	cfg   ShelfConfig
	mu    sync.Mutex // one photo is in memory at a time
}

// shelfDir is where the photos are, in the directory of evidence. No path of evidence leads there.
const shelfDir = ".staged"

// OpenShelf opens the shelf in a directory of evidence.
func OpenShelf(dir string, c ShelfConfig) (*Shelf, error) {
	if c.Lasts == 0 {
		c.Lasts = time.Hour
	}
	if c.AccountCount == 0 {
		c.AccountCount = 40
	}
	if c.AccountBytes == 0 {
		c.AccountBytes = 200 << 20
	}
	if c.TotalBytes == 0 {
		c.TotalBytes = 1 << 30
	}
	files, err := Open(filepath.Join(dir, shelfDir))
	return &Shelf{files: files, cfg: c}, err
}

// Close closes the directory.
func (s *Shelf) Close() error { return s.files.Close() }

// Staged is a photo on a Shelf.
type Staged struct {
	ID    string
	Name  string // of the file that was sent
	Bytes int64
}

// label stands before the photo in its file, on a line of its own.
type label struct {
	Name string `json:"name"`
}

// maxName is how much of the name of a file is kept.
const maxName = 200

// Keep puts a photo on the shelf of an account. It returns ErrFull, and keeps nothing, where there
// is no room.
func (s *Shelf) Keep(ctx context.Context, account, name string, photo io.Reader) (Staged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := io.ReadAll(io.LimitReader(photo, s.cfg.AccountBytes+1))
	if err != nil {
		return Staged{}, fmt.Errorf("evidence: keep a photo: %w", err)
	}
	if runes := []rune(strings.ToValidUTF8(name, "\uFFFD")); len(runes) > maxName {
		name = string(runes[:maxName])
	}
	head, err := json.Marshal(label{name})
	if err != nil {
		return Staged{}, err
	}
	if err := s.room(ctx, account, int64(len(data))); err != nil {
		return Staged{}, err
	}
	id := rand.Text()
	if err := s.files.Put(ctx, path.Join(account, id), slices.Concat(head, []byte("\n"), data)); err != nil {
		return Staged{}, err
	}
	return Staged{ID: id, Name: name, Bytes: int64(len(data))}, nil
}

// room returns ErrFull where a photo of so many bytes has none.
func (s *Shelf) room(ctx context.Context, account string, size int64) error {
	var count int
	var mine, all int64
	err := s.walk(ctx, func(p string, info fs.FileInfo) error {
		all += info.Size()
		if path.Dir(p) == account {
			mine += info.Size()
			count++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if count >= s.cfg.AccountCount || mine+size > s.cfg.AccountBytes || all+size > s.cfg.TotalBytes {
		return ErrFull
	}
	return nil
}

// walk calls fn for each photo that is not too old, and removes the others.
func (s *Shelf) walk(ctx context.Context, fn func(p string, info fs.FileInfo) error) error {
	root := s.files.at()
	now := time.Now()
	return s.files.List(ctx, "", func(p string) error {
		info, err := root.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("evidence: look at a photo that is kept: %w", err)
		}
		if now.Sub(info.ModTime()) > s.cfg.Lasts {
			return s.files.Delete(ctx, p)
		}
		return fn(p, info)
	})
}

// Open opens a photo of the account, which lasts from now on again, and returns returns.ErrNotFound
// where there is none of the id. Close what it returns.
func (s *Shelf) Open(ctx context.Context, account, id string) (Staged, io.ReadCloser, error) {
	if !isID(id) {
		return Staged{}, nil, returns.ErrNotFound
	}
	p := path.Join(account, id)
	root := s.files.at()
	info, err := root.Stat(p)
	if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) > s.cfg.Lasts {
		return Staged{}, nil, returns.ErrNotFound
	}
	if err != nil {
		return Staged{}, nil, fmt.Errorf("evidence: open a photo that is kept: %w", err)
	}
	file, err := s.files.Open(ctx, p)
	if err != nil {
		return Staged{}, nil, err
	}
	now := time.Now()
	in := bufio.NewReader(file)
	line, err := in.ReadBytes('\n')
	var head label
	err = errors.Join(err, json.Unmarshal(bytes.TrimSpace(line), &head), root.Chtimes(p, now, now))
	if err != nil {
		return Staged{}, nil, errors.Join(fmt.Errorf("evidence: read a photo that is kept: %w", err), file.Close())
	}
	return Staged{id, head.Name, info.Size() - int64(len(line))}, struct {
		io.Reader
		io.Closer
	}{in, file}, nil
}

// isID reports whether a text can be the id of a photo.
func isID(id string) bool {
	return len(id) == len(rand.Text()) && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= '2' && r <= '7')
	})
}

// Remove takes photos of the account off the shelf. Ids of none are passed over.
func (s *Shelf) Remove(ctx context.Context, account string, ids ...string) error {
	var errs []error
	for _, id := range ids {
		if isID(id) {
			errs = append(errs, s.files.Delete(ctx, path.Join(account, id)))
		}
	}
	return errors.Join(errs...)
}

// CleanUp removes the photos that are too old, and returns how many.
func (s *Shelf) CleanUp(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, after := 0, 0
	if err := s.files.List(ctx, "", func(string) error { before++; return nil }); err != nil {
		return 0, err
	}
	err := s.walk(ctx, func(string, fs.FileInfo) error { after++; return nil })
	return max(0, before-after), err
}
