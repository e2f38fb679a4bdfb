package evidence_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/evidence"
	"github.com/returnkit/returnkit/returns"
)

func newShelf(t *testing.T, c evidence.ShelfConfig) (s *evidence.Shelf, dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := evidence.OpenShelf(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, dir
}

func keep(t *testing.T, s *evidence.Shelf, account, name string, size int) evidence.Staged {
	t.Helper()
	p, err := s.Keep(t.Context(), account, name, bytes.NewReader(bytes.Repeat([]byte{'x'}, size)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPhotoOnTheShelfIsItsAccounts(t *testing.T) {
	t.Parallel()
	s, _ := newShelf(t, evidence.ShelfConfig{})
	kept, err := s.Keep(t.Context(), "ada", "broken \"lamp\"\n.png", strings.NewReader("the\nphoto"))
	if err != nil || kept.Bytes != 9 {
		t.Fatalf("%+v, %v", kept, err)
	}
	got, body, err := s.Open(t.Context(), "ada", kept.ID)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil || string(data) != "the\nphoto" || got != kept {
		t.Errorf("%q, %+v, %v; want what was kept: %+v", data, got, err, kept)
	}
	for who, id := range map[string]string{
		"bob": kept.ID, "ada": "../ada/" + kept.ID, "": "ada/" + kept.ID, "eve": "../ada/" + kept.ID,
	} {
		if _, _, err := s.Open(t.Context(), who, id); !errors.Is(err, returns.ErrNotFound) {
			t.Errorf("%q opens %q: %v", who, id, err)
		}
		if err := s.Remove(t.Context(), who, id); err != nil {
			t.Error(err)
		}
	}
	if _, body, err = s.Open(t.Context(), "ada", kept.ID); err != nil {
		t.Fatal("another account removed it: ", err)
	}
	_ = body.Close()
	if err := s.Remove(t.Context(), "ada", kept.ID, kept.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), "ada", kept.ID); !errors.Is(err, returns.ErrNotFound) {
		t.Errorf("a photo that was removed: %v", err)
	}
}

func TestAShelfIsBounded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		c     evidence.ShelfConfig
		first string // whose photo of 50 bytes is there
		full  bool
	}{
		"room":                      {evidence.ShelfConfig{}, "ada", false},
		"count of the account":      {evidence.ShelfConfig{AccountCount: 1}, "ada", true},
		"count of another account":  {evidence.ShelfConfig{AccountCount: 1}, "bob", false},
		"bytes of the account":      {evidence.ShelfConfig{AccountBytes: 110}, "ada", true},
		"bytes of another account":  {evidence.ShelfConfig{AccountBytes: 110}, "bob", false},
		"bytes of all":              {evidence.ShelfConfig{TotalBytes: 110}, "bob", true},
		"more than an account's at": {evidence.ShelfConfig{AccountBytes: 60}, "bob", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newShelf(t, tt.c)
			first := keep(t, s, tt.first, "first", 50)
			_, err := s.Keep(t.Context(), "ada", "second", bytes.NewReader(make([]byte, 61)))
			if errors.Is(err, evidence.ErrFull) != tt.full {
				t.Errorf("the second is kept: %v", err)
			}
			_, body, err := s.Open(t.Context(), tt.first, first.ID)
			if err != nil {
				t.Fatal("the first is lost: ", err)
			}
			_ = body.Close()
		})
	}
}

// TestWhatIsOldIsTakenOffTheShelf: an hour after it was last asked for; the evidence beside it is
// left alone, and its sweep leaves the shelf alone.
func TestWhatIsOldIsTakenOffTheShelf(t *testing.T) {
	t.Parallel()
	s, dir := newShelf(t, evidence.ShelfConfig{AccountCount: 3})
	store, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Put(t.Context(), "returns/photo", []byte("evidence")); err != nil {
		t.Fatal(err)
	}
	old, used, fresh := keep(t, s, "ada", "old", 1), keep(t, s, "ada", "used", 1), keep(t, s, "ada", "fresh", 1)
	age := func(p evidence.Staged, by time.Duration) {
		t.Helper()
		at := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(dir, ".staged", "ada", p.ID), at, at); err != nil {
			t.Fatal(err)
		}
	}
	age(used, 50*time.Minute)
	_, body, err := s.Open(t.Context(), "ada", used.ID)
	if err != nil {
		t.Fatal(err)
	}
	_ = body.Close()
	if info, err := os.Stat(filepath.Join(dir, ".staged", "ada", used.ID)); err != nil ||
		time.Since(info.ModTime()) > 10*time.Minute {
		t.Errorf("being requested does not make it last: %v", err)
	}
	age(old, 61*time.Minute)
	if _, _, err := s.Open(t.Context(), "ada", old.ID); !errors.Is(err, returns.ErrNotFound) {
		t.Errorf("an old one is there: %v", err)
	}
	if n, err := s.CleanUp(t.Context()); n != 1 || err != nil {
		t.Errorf("%d were removed, %v", n, err)
	}
	keep(t, s, "ada", "in its place", 1)
	for _, p := range []evidence.Staged{used, fresh} {
		_, body, err := s.Open(t.Context(), "ada", p.ID)
		if err != nil {
			t.Fatal(p.Name, err)
		}
		_ = body.Close()
	}
	if err := store.List(t.Context(), "", func(p string) error {
		if p != "returns/photo" {
			t.Errorf("%s is evidence", p)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := store.Open(t.Context(), ".staged/ada/"+fresh.ID); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the store of evidence opens the shelf: %v", err)
	}
}
