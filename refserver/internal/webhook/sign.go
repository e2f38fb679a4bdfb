package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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
