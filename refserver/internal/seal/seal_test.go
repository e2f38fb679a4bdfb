package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/seal"
)

// TestOnlyTheSameKeyPurposeAndOwnerOpen what was sealed, and only as it was.
func TestOnlyTheSameKeyPurposeAndOwnerOpen(t *testing.T) {
	box := func(secret, purpose string) seal.Box {
		t.Helper()
		b, err := seal.New([]byte(secret), purpose)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, text := box("secret", "tokens"), []byte("s3cret")
	sealed := b.Seal("owner", text)
	if bytes.Contains(sealed, text) || bytes.Equal(sealed, b.Seal("owner", text)) {
		t.Fatal("the text can be read, or compared")
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		box    seal.Box
		owner  string
		sealed []byte
		want   error
	}{
		"as it was sealed": {box("secret", "tokens"), "owner", sealed, nil},
		"another secret":   {box("other", "tokens"), "owner", sealed, seal.ErrKey},
		"another purpose":  {box("secret", "keys"), "owner", sealed, seal.ErrKey},
		"another owner":    {b, "somebody", sealed, seal.ErrKey},
		"changed":          {b, "owner", changed, seal.ErrKey},
		"cut off":          {b, "owner", sealed[:11], seal.ErrDamaged},
		"empty":            {b, "owner", nil, seal.ErrDamaged},
	} {
		got, err := c.box.Open(c.owner, c.sealed)
		if !errors.Is(err, c.want) || (c.want == nil) != bytes.Equal(got, text) {
			t.Errorf("%s: %q, %v, want error %v", name, got, err, c.want)
		}
	}
	if _, err := seal.WithKey([]byte("short")); err == nil {
		t.Error("a key that is no key was taken")
	}
}
