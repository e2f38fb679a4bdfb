package partner

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

const (
	// KeyStart is what every key begins with.
	KeyStart  = "rkp_"
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
	text = KeyStart + prefix + "_" + rand.Text()[:secretLen]
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
	rest, ok := strings.CutPrefix(text, KeyStart)
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

// same compares hashes in constant time.
func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// NewKey makes a key for a partner. Its text is returned once and stored nowhere. Keys that
// are there stay valid until they expire or are revoked, so that a partner can change over.
// A zero expires means never.
func (s *Service) NewKey(ctx context.Context, partnerID string, expires time.Time) (text string, k Key, err error) {
	now := s.cfg.Now()
	if !expires.IsZero() && !expires.After(now) {
		return "", Key{}, &Invalid{"expires_at", "Enter a time that is still to come, or none."}
	}
	text, prefix, hash := newKey()
	row := keyRow{
		Prefix:    prefix,
		PartnerID: partnerID,
		Hash:      hash,
		CreatedAt: sqldb.At(now),
		ExpiresAt: sqldb.At(expires),
	}
	err = s.cfg.DB.Tx(ctx, "partner: new key", func(ctx context.Context, tx bun.IDB) error {
		there, err := tx.NewSelect().Model((*partnerRow)(nil)).Where("id = ?", partnerID).Exists(ctx)
		if err == nil && !there {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
		return err
	})
	if err != nil {
		return "", Key{}, err
	}
	return text, row.key(), nil
}

// RevokeKey ends a key at once. A key that was revoked stays so; one that does not exist is
// ErrNotFound.
func (s *Service) RevokeKey(ctx context.Context, partnerID, prefix string) error {
	return s.cfg.DB.Tx(ctx, "partner: revoke key", func(ctx context.Context, tx bun.IDB) error {
		row := keyRow{Prefix: prefix}
		err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK().Where("partner_id = ?", partnerID)).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || !row.RevokedAt.IsZero() {
			return err
		}
		row.RevokedAt = sqldb.At(s.cfg.Now())
		_, err = tx.NewUpdate().Model(&row).WherePK().Column("revoked_at").Exec(ctx)
		return err
	})
}

// usedEvery is how exact the last use of a key is: not every request writes.
const usedEvery = time.Minute

// KeyError says why a key opens nothing, for the shop's own records alone: to who sent it, it is
// ErrKey whatever the reason.
type KeyError struct {
	Why       string // "missing", "malformed", "unknown", "wrong", "revoked" or "expired"
	Prefix    string // of the key; empty where it has none
	PartnerID string // whose key has the prefix; empty where no key has
}

// Error implements error.
func (e *KeyError) Error() string { return ErrKey.Error() }

// Unwrap returns ErrKey.
func (e *KeyError) Unwrap() error { return ErrKey }

// whyNot says why a key opens nothing; empty where it opens something. known reports whether there
// is a key of its prefix, match whether it is that one.
func whyNot(text string, wellFormed, known, match bool, k Key, now time.Time) string {
	switch {
	case text == "":
		return "missing"
	case !wellFormed:
		return "malformed"
	case !known:
		return "unknown"
	case !match:
		return "wrong"
	case !k.RevokedAt.IsZero():
		return "revoked"
	case !k.Valid(now):
		return "expired"
	}
	return ""
}

// Authenticate returns the partner whose key it is, or a *KeyError. What is no key costs as much
// as what is one: a look-up and a comparison.
func (s *Service) Authenticate(ctx context.Context, key string) (Partner, error) {
	prefix, ok := prefixOf(key)
	row := keyRow{Prefix: prefix}
	err := s.cfg.DB.Read().NewSelect().Model(&row).WherePK().Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Partner{}, fmt.Errorf("partner: look up key: %w", err)
	}
	if err != nil {
		row.Hash = make([]byte, sha256.Size)
	}
	now := s.cfg.Now()
	match := same(row.Hash, hashKey(key))
	if why := whyNot(key, ok, err == nil, match, row.key(), now); why != "" {
		return Partner{}, &KeyError{Why: why, Prefix: prefix, PartnerID: row.PartnerID}
	}
	if now.Sub(row.LastUsedAt.Time()) > usedEvery {
		err := s.cfg.DB.Tx(ctx, "partner: use key", func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewUpdate().Model((*keyRow)(nil)).Set("last_used_at = ?", sqldb.At(now)).
				Where("prefix = ?", prefix).Exec(ctx)
			return err
		})
		if err != nil {
			return Partner{}, err
		}
	}
	return s.Partner(ctx, row.PartnerID)
}
