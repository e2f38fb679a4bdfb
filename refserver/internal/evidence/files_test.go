package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/returns"
)

func open(t *testing.T, dir string) *Files {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func read(t *testing.T, f *Files, p string) (string, error) {
	t.Helper()
	r, err := f.Open(t.Context(), p)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func list(t *testing.T, f *Files, prefix string) []string {
	t.Helper()
	out := []string{}
	if err := f.List(t.Context(), prefix, func(p string) error { out = append(out, p); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPhotosAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "made", "yet")
	f := open(t, dir)
	ctx := t.Context()
	for _, p := range []string{"a/1.jpg", "a/2.png", "ab/3.jpg", "top.jpg"} {
		if err := f.Put(ctx, p, []byte("photo "+p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Put(ctx, "a/1.jpg", []byte("another")); err != nil {
		t.Fatal(err)
	}
	f = open(t, dir) // as after a restart
	if got, err := read(t, f, "a/1.jpg"); got != "another" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	for prefix, want := range map[string]string{"": "[a/1.jpg a/2.png ab/3.jpg top.jpg]", "a": "[a/1.jpg a/2.png]",
		"a/": "[a/1.jpg a/2.png]", "none": "[]"} {
		if got := fmt.Sprint(list(t, f, prefix)); got != want {
			t.Errorf("List(%q) = %s, want %s", prefix, got, want)
		}
	}
	for range 2 { // the second finds nothing to delete
		if err := f.Delete(ctx, "a/1.jpg"); err != nil {
			t.Error(err)
		}
	}
	for _, p := range []string{"a/1.jpg", "a", "none/at/all.jpg"} {
		if _, err := read(t, f, p); !errors.Is(err, returns.ErrNotFound) {
			t.Errorf("Open(%q): %v, want ErrNotFound", p, err)
		}
	}
	stop := errors.New("stop")
	n := 0
	err := f.List(ctx, "", func(string) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("List went on for %d after %v", n, err)
	}
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: others can read it", p, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNoPathLeavesTheFolder(t *testing.T) {
	base := t.TempDir()
	outside := filepath.Join(base, "outside.jpg")
	if err := os.WriteFile(outside, []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "evidence")
	f := open(t, dir)
	for _, link := range []string{"file.jpg", "folder"} {
		target := map[string]string{"file.jpg": outside, "folder": base}[link]
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{
		"", ".", "..", "/", "/etc/passwd", "../outside.jpg", "a/../../outside.jpg", "a//b", "a/", "./a",
		`..\outside.jpg`, "a\x00.jpg",
		".hidden", "a/.new-x", "file.jpg", "folder/outside.jpg", "C:/x", "a b", "ä.jpg", strings.Repeat("a", 2000),
	} {
		if got, err := read(t, f, p); err == nil {
			t.Errorf("Open(%q) gave %q", p, got)
		}
		if p != "file.jpg" { // a link is replaced, and what it names left alone
			if err := f.Put(t.Context(), p, []byte("x")); err == nil {
				t.Errorf("Put(%q) worked", p)
			}
		}
		if err := f.Delete(t.Context(), p); err == nil && p != "file.jpg" {
			t.Errorf("Delete(%q) worked", p)
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "private" {
		t.Errorf("the file outside is now %q, %v", b, err)
	}
	if got := list(t, f, ""); len(got) != 0 {
		t.Errorf("List shows %q", got)
	}
}

func TestAWriteIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	// A folder in the way makes the last step fail.
	if err := f.Put(t.Context(), "a/b/c.jpg", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), "a/b", []byte("y")); err == nil {
		t.Fatal("a folder was replaced by a photo")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Put(ctx, "late.jpg", []byte("z")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put after the end: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", tempPrefix+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if got := fmt.Sprint(list(t, f, "")); got != "[a/b/c.jpg]" {
		t.Errorf("stored: %s", got)
	}
}

func TestWhatACrashLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, tempPrefix+"old"), filepath.Join(dir, tempPrefix+"fresh")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * staleTemp)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("one that another process may be writing: %v", err)
	}
	if got := list(t, f, ""); len(got) != 0 {
		t.Errorf("List shows %q", got)
	}
}

func TestWritersOfOnePathDoNotMix(t *testing.T) {
	f := open(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := f.Put(t.Context(), "p/x.jpg", []byte(strings.Repeat(fmt.Sprint(i), 1<<16))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := read(t, f, "p/x.jpg")
	if err != nil || got != strings.Repeat(got[:1], 1<<16) {
		t.Errorf("a mixture of %d bytes, %v", len(got), err)
	}
}

// TestADirectoryIsNamedOnce: each photo waits for the disk twice, for itself and
// for its name, and only the first of a directory for the names of directories.
func TestADirectoryIsNamedOnce(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	var synced []string
	f.sync = func(root *os.Root, d string) error { synced = append(synced, d); return syncDir(root, d) }
	for _, c := range []struct {
		name  string
		spoil func() error
		put   string
		want  string
	}{
		{"the first of a month", nil, "2026/11/a.jpg", "[2026/11 2026 .]"},
		{"the second", nil, "2026/11/b.jpg", "[2026/11]"},
		{"the first of the next month", nil, "2026/12/c.jpg", "[2026/12 2026 .]"},
		{"after the month was removed", func() error { return os.RemoveAll(filepath.Join(dir, "2026", "12")) },
			"2026/12/d.jpg", "[2026/12 2026 .]"},
		{"at the top", nil, "e.jpg", "[.]"},
		{"after all was removed", func() error { return os.RemoveAll(dir) }, "2026/12/f.jpg", "[2026/12 2026 .]"},
	} {
		synced = nil
		if c.spoil != nil {
			if err := c.spoil(); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Put(t.Context(), c.put, []byte("photo")); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(synced); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	broken := errors.New("no disk")
	f.sync = func(_ *os.Root, d string) error {
		if d == "." {
			return broken
		}
		return nil
	}
	for range 2 { // what failed is not taken for done
		if err := f.Put(t.Context(), "2027/01/g.jpg", []byte("photo")); !errors.Is(err, broken) {
			t.Errorf("a name that is not on disk: %v", err)
		}
	}
}

// BenchmarkPut shows what a photo waits for the disk.
func BenchmarkPut(b *testing.B) {
	f, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for i := 0; b.Loop(); i++ {
		if err := f.Put(b.Context(), fmt.Sprintf("2026/11/%d.jpg", i), []byte("photo")); err != nil {
			b.Fatal(err)
		}
	}
}
