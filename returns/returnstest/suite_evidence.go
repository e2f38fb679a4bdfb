package returnstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/returns"
)

// TestEvidenceStore is the conformance suite of returns.EvidenceStore: each promise of
// the interface's documentation is a subtest. newStore returns a fresh, empty one for
// each case.
func TestEvidenceStore(t *testing.T, newStore func(t *testing.T) returns.EvidenceStore) {
	suite.Run(t, evidencePromises, suite.Options[*evidenceBench]{
		Start: func(t *suite.T) *evidenceBench { return &evidenceBench{t, newStore(t.Testing())} },
	})
}

type evidenceBench struct {
	*suite.T
	store returns.EvidenceStore
}

func (b *evidenceBench) put(ctx context.Context, path string, data []byte) error {
	defer b.Call("Put")()
	return b.store.Put(ctx, path, data)
}

func (b *evidenceBench) read(path string) ([]byte, error) {
	defer b.Call("Open")()
	body, err := b.store.Open(b.Context(), path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func (b *evidenceBench) remove(path string) error {
	defer b.Call("Delete")()
	return b.store.Delete(b.Context(), path)
}

func (b *evidenceBench) list(prefix string) []string {
	b.Helper()
	defer b.Call("List")()
	var paths []string
	b.OK(b.store.List(b.Context(), prefix, func(p string) error { paths = append(paths, p); return nil }))
	slices.Sort(paths)
	return paths
}

// has checks what is stored under the path.
func (b *evidenceBench) has(what, path, want string) {
	b.Helper()
	if got, err := b.read(path); err != nil || string(got) != want {
		b.Errorf("%s: %d bytes, %.20q, %v; want %d bytes, %.20q", what, len(got), got, err, len(want), want)
	}
}

// evidencePromises are the numbered sentences of returns.EvidenceStore.
var evidencePromises = []suite.Promise[*evidenceBench]{
	suite.Says("1. Open reads the bytes that Put stored last under the path, and they are not the caller's.",
		suite.By("a photo comes back as it was put", evidenceBack),
	),
	suite.Says("2. What was deleted, or never put, is ErrNotFound, and deleting it again is no error.",
		suite.By("what was deleted is not found", evidenceDeleted),
	),
	suite.Says("3. List calls f with every path under the prefix, and stops at the error of f.",
		suite.By("photos are listed by folder, until the caller has enough", evidenceListed),
	),
	suite.Says("4. Put stores whole or not at all, by many at once too.",
		suite.By("photos put and deleted at once do not mix", evidenceAtOnce),
		suite.By("a photo that is read while it is put again is the one before or the one after", evidenceRead),
	),
	suite.Says("5. Put in a context that has ended stores nothing, and returns the context's error.",
		suite.By("a context that has ended stores nothing", evidenceContext),
	),
}

func evidenceBack(b *evidenceBench) {
	data := bytes.Repeat([]byte{0, 0xff, '\r', '\n', 0x1a}, 100_000)
	kept := string(data)
	b.OK(b.put(b.Context(), "2026/05/a.jpg", data))
	data[0] = 1 // the caller's own again
	for range 2 {
		b.has("first put", "2026/05/a.jpg", kept)
	}
	b.OK(b.put(b.Context(), "2026/05/a.jpg", []byte("second")))
	b.has("second put", "2026/05/a.jpg", "second")
}

func evidenceDeleted(b *evidenceBench) {
	b.OK(b.put(b.Context(), "2026/05/a.jpg", []byte("a")))
	b.OK(b.put(b.Context(), "2026/05/b.jpg", []byte("b")))
	for range 2 {
		if err := b.remove("2026/05/a.jpg"); err != nil {
			b.Error(err)
		}
	}
	for _, path := range []string{"2026/05/a.jpg", "2026/05", "none/at/all.png"} {
		if _, err := b.read(path); !errors.Is(err, returns.ErrNotFound) {
			b.Errorf("%s: %v, want ErrNotFound", path, err)
		}
	}
	b.has("its neighbor", "2026/05/b.jpg", "b")
}

func evidenceListed(b *evidenceBench) {
	for _, p := range []string{"2026/05/a.jpg", "2026/05/b.png", "2026/06/c.jpg"} {
		b.OK(b.put(b.Context(), p, []byte(p)))
	}
	for prefix, want := range map[string][]string{
		"": {"2026/05/a.jpg", "2026/05/b.png", "2026/06/c.jpg"}, "2026/05": {"2026/05/a.jpg", "2026/05/b.png"},
		"2026/06/": {"2026/06/c.jpg"}, "2025": nil,
	} {
		if got := b.list(prefix); !slices.Equal(got, want) {
			b.Errorf("under %q: %q, want %q", prefix, got, want)
		}
	}
	stop := errors.New("stop")
	n := 0
	if err := b.store.List(b.Context(), "", func(string) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		b.Errorf("it called %d times; error %v", n, err)
	}
}

func evidenceAtOnce(b *evidenceBench) {
	b.AtOnce(16, func(i int) {
		path := fmt.Sprintf("2026/05/%d.jpg", i%8)
		err := b.put(b.Context(), path, bytes.Repeat([]byte{byte(i)}, 10_000))
		if err == nil && i >= 12 {
			err = b.remove(fmt.Sprintf("2026/06/%d.jpg", i))
		}
		if err != nil {
			b.Error(err)
		}
	})
	paths := b.list("")
	if len(paths) != 8 {
		b.Errorf("stored: %q", paths)
	}
	for _, p := range paths {
		got, err := b.read(p)
		if err != nil || len(got) != 10_000 || !bytes.Equal(got, bytes.Repeat(got[:1], 10_000)) {
			b.Errorf("%s is a mixture of %d bytes, %v", p, len(got), err)
		}
	}
}

func evidenceRead(b *evidenceBench) {
	const path = "2026/05/a.jpg"
	photo := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 200_000) }
	b.OK(b.put(b.Context(), path, photo(0)))
	b.AtOnce(2, func(k int) {
		for i := range 60 {
			if k == 0 {
				if err := b.put(b.Context(), path, photo(i)); err != nil {
					b.Error(err)
				}
				continue
			}
			got, err := b.read(path)
			if err != nil || len(got) != 200_000 || !bytes.Equal(got, bytes.Repeat(got[:1], len(got))) {
				b.Errorf("read while it is put again: %d bytes, %v; want 200000 bytes that were put together",
					len(got), err)
				return
			}
		}
	})
}

func evidenceContext(b *evidenceBench) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if err := b.put(ctx, "2026/05/a.jpg", []byte("a")); !errors.Is(err, context.Canceled) {
		b.Errorf("put: %v, want context.Canceled", err)
	}
	if paths := b.list(""); len(paths) != 0 {
		b.Errorf("stored: %q", paths)
	}
}
