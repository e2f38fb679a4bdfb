package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// secretStart begins a secret as people see it; the key is what follows, in base64.
const secretStart = "whsec_"

// secretBytes is the size of a key; the scheme takes 24 to 64.
const secretBytes = 32

func newKey() []byte {
	key := make([]byte, secretBytes)
	rand.Read(key)
	return key
}

func secretText(key []byte) string { return secretStart + base64.StdEncoding.EncodeToString(key) }

// signature is the webhook-signature of a message by the Standard Webhooks scheme: of its id,
// its time and its body under each key, with a space between.
func signature(keys [][]byte, id string, at time.Time, body []byte) string {
	var all []string
	for _, key := range keys {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		m.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	return strings.Join(all, " ")
}

// errSealed says that a secret can't be read.
var errSealed = errors.New("the secret was sealed under another SECRET_KEY; rotate it")

// signingKey is the key of an endpoint, as it was sealed.
func (s *Service) signingKey(id string, sealed []byte) ([]byte, error) {
	key, err := s.keys.Open(id, sealed)
	if err != nil {
		return nil, errSealed
	}
	return key, nil
}

// keysAt are the keys that sign at an instant, the newest first.
func (s *Service) keysAt(r endpointRow, at int64) ([][]byte, error) {
	key, err := s.signingKey(r.ID, r.Secret)
	if err != nil {
		return nil, err
	}
	keys := [][]byte{key}
	if len(r.OldSecret) > 0 && at < r.OldUntil.Time().UnixMicro() {
		if old, err := s.signingKey(r.ID, r.OldSecret); err == nil {
			keys = append(keys, old)
		}
	}
	return keys, nil
}
