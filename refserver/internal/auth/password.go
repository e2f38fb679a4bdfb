package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// owasp has the parameters of the OWASP Password Storage Cheat Sheet for argon2id:
// 19 MiB of memory, two passes, one lane.
var owasp = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// weak costs next to nothing; see Config.WeakHashes.
var weak = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hasher judges and hashes at most as many passwords at once as there are processors:
// more would finish no sooner and each takes 19 MiB. The others wait in line.
type hasher struct {
	params argon2id.Params
	line   *line
	dummy  string // hash of no password, to spend the time of a real one on
}

func newHasher(params argon2id.Params) *hasher {
	// A hash that nothing matches: what counts is that checking it costs the
	// same. Made, not computed, so that starting costs nothing.
	salt, key := make([]byte, params.SaltLength), make([]byte, params.KeyLength)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	_, _ = rand.Read(key)
	enc := base64.RawStdEncoding.EncodeToString
	return &hasher{
		params: params,
		line:   newLine(hashesAtOnce(), addressWaiting, allWaiting),
		dummy: fmt.Sprintf(
			"$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
			params.Memory,
			params.Iterations,
			params.Parallelism,
			enc(salt),
			enc(key),
		),
	}
}

// hash returns the hash of a password that was chosen before, such as one of the settings.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	return h.hashIn(ctx, h.line.enter, password, func() error { return nil })
}

// hashIn is hash at the place that enter waits for, if judge returns no error. Judging a password takes
// a processor, as hashing it does, so that it has a place of the line as well.
func (h *hasher) hashIn(
	ctx context.Context, enter func(context.Context) (func(), error), password string, judge func() error,
) (string, error) {
	leave, err := enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	if err := judge(); err != nil {
		return "", err
	}
	s, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return s, nil
}

// verify reports whether the password has the hash.
func (h *hasher) verify(ctx context.Context, password, hash string) (bool, error) {
	leave, err := h.line.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("checking a password: %w", err)
	}
	return ok, nil
}
