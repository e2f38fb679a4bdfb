package evidence

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPhotosThatNoRowNamesAreSwept(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	ctx, now := t.Context(), time.Now()
	for p, age := range map[string]time.Duration{
		"2026/05/named.jpg": 3 * time.Hour, "2026/05/orphan.jpg": 2 * time.Hour, "2026/05/young.jpg": time.Minute,
		"2026/06/orphan.png": 48 * time.Hour, "2026/04/named.jpg": 90 * 24 * time.Hour,
	} {
		if err := f.Put(ctx, p, []byte("photo")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, p), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	names := func(_ context.Context, since time.Time, drop func(string)) error {
		if oldest := now.Add(-91*24*time.Hour - time.Hour); since.Before(oldest) || since.After(now.Add(-Grace)) {
			t.Errorf("rows since %v are looked for", since)
		}
		for _, p := range []string{"2026/05/named.jpg", "2026/04/named.jpg", "2026/05/not stored any more.jpg"} {
			drop(p)
		}
		return nil
	}
	if n, err := f.Sweep(ctx, time.Time{}, now.Add(-Grace), names); n != 2 || err != nil {
		t.Errorf("%d removed, %v; want 2", n, err)
	}
	if got := list(t, f, ""); !slices.Equal(
		got,
		[]string{"2026/04/named.jpg", "2026/05/named.jpg", "2026/05/young.jpg"},
	) {
		t.Errorf("left: %v", got)
	}
	// What was looked at is not looked at again, and without the rows nothing goes.
	none := func(context.Context, time.Time, func(string)) error { return errors.New("no rows") }
	if n, err := f.Sweep(ctx, now.Add(-Grace), now, none); n != 0 || err == nil {
		t.Errorf("without rows: %d removed, %v", n, err)
	}
	if n, err := f.Sweep(ctx, now.Add(time.Hour), now.Add(2*time.Hour), none); n != 0 || err != nil {
		t.Errorf("of no time at all: %d removed, %v", n, err)
	}
	if got := list(t, f, ""); len(got) != 3 {
		t.Errorf("left: %v", got)
	}
}

func TestADirectoryThatIsRemovedIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "photos")
	remade := 0
	f, err := Open(dir, OnRemade(func(string) { remade++ }))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx := t.Context()
	if err := f.Put(ctx, "2026/05/a.jpg", []byte("a")); err != nil {
		t.Fatal(err)
	}
	for i, use := range []func() error{
		func() error { return f.Put(ctx, "2026/05/b.jpg", []byte("b")) },
		func() error { return f.Check(ctx) },
		func() error {
			file, err := f.Temp()
			if err != nil {
				return err
			}
			return file.Close()
		},
	} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := use(); err != nil || remade != i+1 {
			t.Errorf("use %d: %v, made again %d times", i, err, remade)
		}
	}
	if err := f.Put(ctx, "2026/05/c.jpg", []byte("c")); err != nil {
		t.Error(err)
	}
	if got := list(t, f, ""); !slices.Equal(got, []string{"2026/05/c.jpg"}) || remade != 3 {
		t.Errorf("stored: %v, made again %d times", got, remade)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(ctx); err == nil || !strings.Contains(err.Error(), "photos") {
		t.Errorf("with a file in its place: %v", err)
	}
}

func TestATemporaryFileLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	file, err := f.Temp()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("photo"), 0); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("it is there by name: %v, %v", left, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
