// Package seal encrypts what the database keeps and a copy of it must not reveal, by
// AES-GCM under a key that is derived from the shop's SECRET_KEY.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// Errors of [Box.Open].
var (
	ErrDamaged = errors.New("seal: too short to be sealed text")
	// ErrKey: it was sealed under another key or for another owner, or was changed.
	ErrKey = errors.New("seal: not sealed under this key")
)

// Box seals and opens. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New returns the Box of a purpose: what one seals, no other opens.
func New(secret []byte, purpose string) (Box, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return Box{}, err
	}
	return WithKey(key)
}

// WithKey returns the Box of a key of 32 bytes.
func WithKey(key []byte) (Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Box{aead}, err
}

// Seal encrypts text for its owner, an id; the result differs each time.
func (b Box) Seal(owner string, text []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	rand.Read(nonce)
	return b.aead.Seal(nonce, nonce, text, []byte(owner))
}

// Open returns what was sealed for the owner, or ErrDamaged or ErrKey.
func (b Box) Open(owner string, sealed []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrDamaged
	}
	text, err := b.aead.Open(nil, sealed[:n], sealed[n:], []byte(owner))
	if err != nil {
		return nil, ErrKey
	}
	return text, nil
}
