package evidence_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/evidence"
)

func TestADirectoryThatWasRemovedIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "photos")
	f, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, use := range map[string]func() error{
		"a photo": func() error { return f.Put(t.Context(), "a/b.png", []byte("photo")) },
		"a probe": func() error { return f.Check(t.Context()) },
	} {
		for _, spoil := range []func() error{
			func() error { return os.RemoveAll(dir) },
			func() error { return os.Rename(dir, filepath.Join(t.TempDir(), "elsewhere")) },
			func() error { return os.RemoveAll(filepath.Dir(dir)) },
		} {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			if err := use(); err != nil {
				t.Errorf("%s after the directory was removed: %v", name, err)
			}
		}
	}
	if err := f.Put(t.Context(), "c.png", []byte("photo")); err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(t.Context(), "c.png")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || string(data) != "photo" {
		t.Errorf("read %q, %v", data, err)
	}
}

func TestAProbeFailsWhereNoPhotoCanBeStoredAndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "photos")
	f, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // nobody can make the directory now
		t.Fatal(err)
	}
	if err := f.Check(t.Context()); err == nil {
		t.Error("a probe of a directory that is a file succeeds")
	}
}
