package returnstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/returnkit/returnkit/returns"
)

// TestEvidenceStore is the conformance suite of returns.EvidenceStore.
// newStore returns a fresh, empty one for each subtest.
func TestEvidenceStore(t *testing.T, newStore func(t *testing.T) returns.EvidenceStore) {
	read := func(t *testing.T, s returns.EvidenceStore, path string) ([]byte, error) {
		t.Helper()
		body, err := s.Open(t.Context(), path)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(body)
	}
	list := func(t *testing.T, s returns.EvidenceStore, prefix string) []string {
		t.Helper()
		var paths []string
		err := s.List(t.Context(), prefix, func(p string) error { paths = append(paths, p); return nil })
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(paths)
		return paths
	}
	put := func(t *testing.T, s returns.EvidenceStore, path string, data []byte) {
		t.Helper()
		if err := s.Put(t.Context(), path, data); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a photo comes back as it was put", func(t *testing.T) {
		s := newStore(t)
		data := bytes.Repeat([]byte{0, 0xff, '\r', '\n', 0x1a}, 100_000)
		kept := bytes.Clone(data)
		put(t, s, "2026/05/a.jpg", data)
		data[0] = 1 // the caller's own again
		for range 2 {
			if got, err := read(t, s, "2026/05/a.jpg"); err != nil || !bytes.Equal(got, kept) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		}
		put(t, s, "2026/05/a.jpg", []byte("second"))
		if got, err := read(t, s, "2026/05/a.jpg"); string(got) != "second" || err != nil {
			t.Errorf("after the second put: %q, %v", got, err)
		}
	})
	t.Run("what was deleted is not found, and deleting it again is no error", func(t *testing.T) {
		s := newStore(t)
		put(t, s, "2026/05/a.jpg", []byte("a"))
		put(t, s, "2026/05/b.jpg", []byte("b"))
		for range 2 {
			if err := s.Delete(t.Context(), "2026/05/a.jpg"); err != nil {
				t.Error(err)
			}
		}
		for _, path := range []string{"2026/05/a.jpg", "2026/05", "none/at/all.png"} {
			if _, err := read(t, s, path); !errors.Is(err, returns.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", path, err)
			}
		}
		if got, err := read(t, s, "2026/05/b.jpg"); string(got) != "b" || err != nil {
			t.Errorf("its neighbor: %q, %v", got, err)
		}
	})
	t.Run("photos are listed by folder, until the caller has enough", func(t *testing.T) {
		s := newStore(t)
		for _, p := range []string{"2026/05/a.jpg", "2026/05/b.png", "2026/06/c.jpg"} {
			put(t, s, p, []byte(p))
		}
		for prefix, want := range map[string][]string{
			"": {"2026/05/a.jpg", "2026/05/b.png", "2026/06/c.jpg"}, "2026/05": {"2026/05/a.jpg", "2026/05/b.png"},
			"2026/06/": {"2026/06/c.jpg"}, "2025": nil,
		} {
			if got := list(t, s, prefix); !slices.Equal(got, want) {
				t.Errorf("under %q: %q, want %q", prefix, got, want)
			}
		}
		stop := errors.New("stop")
		n := 0
		if err := s.List(t.Context(), "", func(string) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
			t.Errorf("it called %d times; error %v", n, err)
		}
	})
	t.Run("photos put and deleted at once do not mix", func(t *testing.T) {
		s := newStore(t)
		together(16, func(i int) {
			path := fmt.Sprintf("2026/05/%d.jpg", i%8)
			err := s.Put(t.Context(), path, bytes.Repeat([]byte{byte(i)}, 10_000))
			if err == nil && i >= 12 {
				err = s.Delete(t.Context(), fmt.Sprintf("2026/06/%d.jpg", i))
			}
			if err != nil {
				t.Error(err)
			}
		})
		paths := list(t, s, "")
		if len(paths) != 8 {
			t.Errorf("stored: %q", paths)
		}
		for _, p := range paths {
			got, err := read(t, s, p)
			if err != nil || len(got) != 10_000 || !bytes.Equal(got, bytes.Repeat(got[:1], 10_000)) {
				t.Errorf("%s is a mixture of %d bytes, %v", p, len(got), err)
			}
		}
	})
	t.Run("a context that has ended stores nothing", func(t *testing.T) {
		s := newStore(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Put(ctx, "2026/05/a.jpg", []byte("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v, want context.Canceled", err)
		}
		if paths := list(t, s, ""); len(paths) != 0 {
			t.Errorf("stored: %q", paths)
		}
	})
}
