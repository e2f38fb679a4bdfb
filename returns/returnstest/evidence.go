package returnstest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/returnkit/returnkit/returns"
)

// EvidenceStore is a returns.EvidenceStore in memory. Make one with
// NewEvidenceStore.
type EvidenceStore struct {
	mu     sync.Mutex
	photos map[string][]byte // by path
}

var _ returns.EvidenceStore = (*EvidenceStore)(nil)

// NewEvidenceStore returns an empty EvidenceStore.
func NewEvidenceStore() *EvidenceStore { return &EvidenceStore{photos: map[string][]byte{}} }

// Put implements returns.EvidenceStore.
func (s *EvidenceStore) Put(ctx context.Context, path string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("returnstest: put %s: %w", path, err)
	}
	s.photos[path] = bytes.Clone(data)
	return nil
}

// Open implements returns.EvidenceStore.
func (s *EvidenceStore) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("returnstest: open %s: %w", path, err)
	}
	data, ok := s.photos[path]
	if !ok {
		return nil, notFound("photo", path)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Delete implements returns.EvidenceStore.
func (s *EvidenceStore) Delete(ctx context.Context, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("returnstest: delete %s: %w", path, err)
	}
	delete(s.photos, path)
	return nil
}

// List implements returns.EvidenceStore. A prefix is a folder, with or without
// its slash; the empty one is everything.
func (s *EvidenceStore) List(ctx context.Context, prefix string, f func(path string) error) error {
	s.mu.Lock()
	paths := slices.Sorted(maps.Keys(s.photos))
	s.mu.Unlock()
	folder := strings.TrimSuffix(prefix, "/") + "/"
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("returnstest: list %s: %w", prefix, err)
		}
		if folder != "/" && !strings.HasPrefix(p, folder) {
			continue
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}
