package partner

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"
)

const (
	keyStart  = "rkp_"
	prefixLen = 8
	secretLen = 26
)

// Key is a key of a partner, without what is secret of it.
type Key struct {
	Prefix     string // shown, so that people can tell keys apart
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: it does not expire
	RevokedAt  time.Time // zero: it was not revoked
	LastUsedAt time.Time // zero: never; to the minute
}

// Valid reports whether the key opens anything at that instant.
func (k Key) Valid(at time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || at.Before(k.ExpiresAt))
}

// newKey makes a key: rkp_PREFIX_SECRET, the secret of 130 random bits.
func newKey() (text, prefix string, hash []byte) {
	prefix = strings.ToLower(rand.Text()[:prefixLen])
	text = keyStart + prefix + "_" + rand.Text()[:secretLen]
	return text, prefix, hashKey(text)
}

// hashKey is what is stored of a key. Its secret is random and long, so that nothing slower
// is needed than for a password.
func hashKey(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// prefixOf returns the part of a key that it is found by; ok is false for what is no key.
func prefixOf(text string) (prefix string, ok bool) {
	rest, ok := strings.CutPrefix(text, keyStart)
	if !ok || len(rest) != prefixLen+1+secretLen || rest[prefixLen] != '_' {
		return "", false
	}
	for _, c := range []byte(rest[:prefixLen]) {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return "", false // what no database keeps is no key either
		}
	}
	return rest[:prefixLen], true
}

// same compares hashes in a time that does not tell where they differ.
func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
