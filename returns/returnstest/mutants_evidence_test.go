//go:build mutants

package returnstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/returns"
)

// album is an evidence store in memory with some of its methods made wrong.
type album struct {
	*EvidenceStore
	put  func(ctx context.Context, path string, data []byte) error
	open func(ctx context.Context, path string) (io.ReadCloser, error)
	del  func(ctx context.Context, path string) error
	list func(ctx context.Context, prefix string, f func(path string) error) error
}

func (a *album) Put(ctx context.Context, path string, data []byte) error {
	if a.put != nil {
		return a.put(ctx, path, data)
	}
	return a.EvidenceStore.Put(ctx, path, data)
}

func (a *album) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if a.open != nil {
		return a.open(ctx, path)
	}
	return a.EvidenceStore.Open(ctx, path)
}

func (a *album) Delete(ctx context.Context, path string) error {
	if a.del != nil {
		return a.del(ctx, path)
	}
	return a.EvidenceStore.Delete(ctx, path)
}

func (a *album) List(ctx context.Context, prefix string, f func(path string) error) error {
	if a.list != nil {
		return a.list(ctx, prefix, f)
	}
	return a.EvidenceStore.List(ctx, prefix, f)
}

func TestEvidenceMutants(t *testing.T) {
	suite.Mutants(t, "TestEvidenceMutant", len(evidencePromises), evidenceMutants())
}

// TestEvidenceMutant is the suite on the mutant of this process.
func TestEvidenceMutant(t *testing.T) {
	make, ok := suite.UnderTest(evidenceMutants())
	if !ok {
		return
	}
	TestEvidenceStore(t, func(*testing.T) returns.EvidenceStore {
		a := &album{EvidenceStore: NewEvidenceStore()}
		make(a)
		return a
	})
}

func evidenceMutants() []named[func(a *album)] {
	return slices.Concat(keptMutants(), puttingMutants())
}

func keptMutants() []named[func(a *album)] {
	return []named[func(a *album)]{
		{1, "it keeps the bytes of the caller", func(a *album) {
			a.put = func(_ context.Context, path string, data []byte) error {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.photos[path] = data
				return nil
			}
		}},
		{1, "it keeps the first of a path", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				if _, err := a.EvidenceStore.Open(ctx, path); err == nil {
					return nil
				}
				return a.EvidenceStore.Put(ctx, path, data)
			}
		}},
		{1, "it stores text", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				return a.EvidenceStore.Put(ctx, path, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
			}
		}},
		{2, "it opens nothing as an empty photo", func(a *album) {
			a.open = func(ctx context.Context, path string) (io.ReadCloser, error) {
				body, err := a.EvidenceStore.Open(ctx, path)
				if errors.Is(err, returns.ErrNotFound) {
					return io.NopCloser(strings.NewReader("")), nil
				}
				return body, err
			}
		}},
		{2, "it fails to delete what is not there", func(a *album) {
			a.del = func(ctx context.Context, path string) error {
				if _, err := a.EvidenceStore.Open(ctx, path); err != nil {
					return err
				}
				return a.EvidenceStore.Delete(ctx, path)
			}
		}},
		{2, "it deletes the folder", func(a *album) {
			a.del = func(ctx context.Context, name string) error {
				return a.EvidenceStore.List(ctx, path.Dir(name), func(p string) error {
					return a.EvidenceStore.Delete(ctx, p)
				})
			}
		}},
		{3, "it lists the names alone", func(a *album) {
			a.list = func(ctx context.Context, prefix string, f func(path string) error) error {
				return a.EvidenceStore.List(ctx, prefix, func(p string) error { return f(path.Base(p)) })
			}
		}},
		{3, "it lists on after an error", func(a *album) {
			a.list = func(ctx context.Context, prefix string, f func(path string) error) error {
				var failed error
				err := a.EvidenceStore.List(ctx, prefix, func(p string) error {
					failed = errors.Join(failed, f(p))
					return nil
				})
				return errors.Join(failed, err)
			}
		}},
		{3, "it lists every folder", func(a *album) {
			a.list = func(ctx context.Context, _ string, f func(path string) error) error {
				return a.EvidenceStore.List(ctx, "", f)
			}
		}},
	}
}

func puttingMutants() []named[func(a *album)] {
	return []named[func(a *album)]{
		{4, "it stores a photo in two steps", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				if err := a.EvidenceStore.Put(ctx, path, data[:len(data)/2]); err != nil {
					return err
				}
				suite.Pause()
				a.mu.Lock()
				defer a.mu.Unlock()
				a.photos[path] = append(a.photos[path], data[len(data)/2:]...)
				return nil
			}
		}},
		{4, "it writes many through one file", func(a *album) {
			var file []byte
			a.put = func(ctx context.Context, path string, data []byte) error {
				a.mu.Lock()
				file = bytes.Clone(data)
				a.mu.Unlock()
				suite.Pause()
				a.mu.Lock()
				written := bytes.Clone(file)
				file = nil
				a.mu.Unlock()
				return a.EvidenceStore.Put(ctx, path, written)
			}
		}},
		{4, "it refuses who comes at once", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				if !a.mu.TryLock() {
					return errors.New("the store is busy")
				}
				suite.Pause()
				a.mu.Unlock()
				return a.EvidenceStore.Put(ctx, path, data)
			}
		}},
		{5, "it stores in a context that has ended", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				return a.EvidenceStore.Put(context.WithoutCancel(ctx), path, data)
			}
		}},
		{5, "it stores and says that the context has ended", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				return errors.Join(a.EvidenceStore.Put(context.WithoutCancel(ctx), path, data), ctx.Err())
			}
		}},
		{5, "it hides that the context has ended", func(a *album) {
			a.put = func(ctx context.Context, path string, data []byte) error {
				if ctx.Err() != nil {
					return nil
				}
				return a.EvidenceStore.Put(ctx, path, data)
			}
		}},
	}
}
