package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// errSealed says that a secret can't be read.
var errSealed = errors.New("the secret was sealed under another SECRET_KEY; rotate it")

// newSeal returns what keeps secrets in the database unreadable without the shop's own.
func newSeal(secret []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "webhook secret", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealed is the key of an endpoint as it is stored.
func (s *Service) sealed(id string, key []byte) []byte {
	nonce := make([]byte, s.seal.NonceSize())
	rand.Read(nonce)
	return s.seal.Seal(nonce, nonce, key, []byte(id))
}

// unsealed is the key that was stored.
func (s *Service) unsealed(id string, stored []byte) ([]byte, error) {
	n := s.seal.NonceSize()
	if len(stored) < n {
		return nil, errSealed
	}
	key, err := s.seal.Open(nil, stored[:n], stored[n:], []byte(id))
	if err != nil {
		return nil, errSealed
	}
	return key, nil
}

// keysAt are the keys that sign at an instant, the newest first.
func (s *Service) keysAt(r endpointRow, at int64) ([][]byte, error) {
	key, err := s.unsealed(r.ID, r.Secret)
	if err != nil {
		return nil, err
	}
	keys := [][]byte{key}
	if len(r.OldSecret) > 0 && at < r.OldUntil.Time().UnixMicro() {
		if old, err := s.unsealed(r.ID, r.OldSecret); err == nil {
			keys = append(keys, old)
		}
	}
	return keys, nil
}
