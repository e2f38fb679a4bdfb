package auth

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

type sessionRow struct {
	bun.BaseModel `bun:"table:?(rk)auth_sessions,alias:s"`

	TokenHash  string `bun:",pk"`
	UserID     *string
	Generation int64
	Data       []byte
	ExpiresAt  sqldb.Time
	SeenAt     sqldb.Time
}

// signedIn is a session and whose it is.
type signedIn struct {
	session Session
	user    User
}

// own is s with bytes of its own.
func (s signedIn) own() signedIn {
	s.session.Data = slices.Clone(s.session.Data)
	return s
}

// Session implements SessionStore. Calls that meet are one statement.
func (d *DB) Session(ctx context.Context, tokenHash string, now, idleSince time.Time) (Session, User, bool, error) {
	s, ok, err := d.sessions.Find(ctx, tokenHash)
	if err != nil {
		return Session{}, User{}, false, fmt.Errorf("auth: find session: %w", err)
	}
	if ok && (s.session.ExpiresAt.IsZero() || s.session.SeenAt.IsZero()) {
		return Session{}, User{}, false, d.DeleteSession(ctx, tokenHash) // a damaged row: no time ends it
	}
	if !ok || !s.session.ExpiresAt.After(now) || !s.session.SeenAt.After(idleSince) {
		return Session{}, User{}, false, nil
	}
	return s.session, s.user, true, nil
}

// findSessions reads the sessions of the hashes.
func (d *DB) findSessions(ctx context.Context, hashes []string) (map[string]signedIn, error) {
	var rows []signedInRow
	err := d.db.Reader().NewSelect().TableExpr("?(rk)auth_sessions AS s").
		ColumnExpr(
			"s.token_hash, s.data, s.expires_at, s.seen_at, u.id, u.username, u.email, u.role, u.super, u.created_at, "+
				"u.locked_at, u.deleted_at, u.factor_on, s.generation, u.generation AS now",
		).
		Join("LEFT JOIN ?(rk)auth_users AS u ON u.id = s.user_id").
		Where("s.token_hash IN (?)", bun.List(hashes)).
		Scan(ctx, &rows)
	found := make(map[string]signedIn, len(rows))
	for _, row := range rows {
		if row.ID.Valid && row.Generation.Valid && row.Generation.V != row.Now.V {
			continue // it was on its way when all sessions ended
		}
		found[row.TokenHash] = row.signedIn()
	}
	return found, err
}

// signedInRow is a session and whose it is. Columns of the user are NULL where nobody is signed in.
type signedInRow struct {
	TokenHash  string
	Data       column[[]byte]
	ExpiresAt  column[sqldb.Time]
	SeenAt     column[sqldb.Time]
	Generation column[int64]

	ID        column[string]
	Username  column[string]
	Email     column[string]
	Role      column[string]
	Super     column[bool]
	LockedAt  column[sqldb.Time]
	DeletedAt column[sqldb.Time]
	FactorOn  column[bool]
	CreatedAt column[sqldb.Time]
	Now       column[int64] // the user's generation
}

// signedIn returns what the row says. A session that is damaged has no times, and that of a user who can't be read
// is nobody's.
func (r signedInRow) signedIn() signedIn {
	s := signedIn{session: Session{TokenHash: r.TokenHash}}
	if r.Data.damaged || r.Generation.damaged {
		return s
	}
	s.session.Data, s.session.ExpiresAt, s.session.SeenAt = r.Data.V, r.ExpiresAt.V.Time(), r.SeenAt.V.Time()
	damaged := r.Username.damaged || r.Email.damaged || r.Role.damaged || r.Super.damaged || r.LockedAt.damaged ||
		r.DeletedAt.damaged || r.FactorOn.damaged || r.Now.damaged
	if !r.ID.Valid || damaged || !r.LockedAt.V.IsZero() || !r.DeletedAt.V.IsZero() {
		return s
	}
	s.session.UserID, s.session.Generation = r.ID.V, r.Generation.V
	s.user = User{
		ID:        r.ID.V,
		Username:  r.Username.V,
		Email:     r.Email.V,
		Role:      Role(r.Role.V),
		Super:     r.Super.V,
		Factor:    r.FactorOn.V,
		CreatedAt: r.CreatedAt.V.Time(),

		Generation: r.Generation.V,
	}
	return s
}

// column is a value of a row that may be damaged. One that can't be read is not valid, so that one damaged row fails
// neither its request nor those that are read with it.
type column[T any] struct {
	sql.Null[T]
	damaged bool
}

// Scan implements sql.Scanner.
func (c *column[T]) Scan(src any) error {
	if c.Null.Scan(src) != nil {
		*c = column[T]{damaged: true}
	}
	return nil
}

// InsertSession implements SessionStore.
func (d *DB) InsertSession(ctx context.Context, s Session) error {
	row := sessionRow{
		TokenHash: s.TokenHash,
		Data:      s.Data,
		ExpiresAt: sqldb.At(s.ExpiresAt),
		SeenAt:    sqldb.At(s.SeenAt),
	}
	if row.Data == nil {
		row.Data = []byte{}
	}
	if s.UserID != "" {
		row.UserID, row.Generation = &s.UserID, s.Generation
	}
	return d.tx(ctx, "insert session", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&row).
			On("CONFLICT (token_hash) DO UPDATE").
			Set("user_id = EXCLUDED.user_id").Set("generation = EXCLUDED.generation").Set("data = EXCLUDED.data").
			Set("expires_at = EXCLUDED.expires_at").Set("seen_at = EXCLUDED.seen_at").
			Exec(ctx)
		return err
	})
}

// UpdateSession implements SessionStore. The user of a session never changes.
func (d *DB) UpdateSession(ctx context.Context, s Session) error {
	row := sessionRow{
		TokenHash: s.TokenHash,
		Data:      s.Data,
		ExpiresAt: sqldb.At(s.ExpiresAt),
		SeenAt:    sqldb.At(s.SeenAt),
	}
	if row.Data == nil {
		row.Data = []byte{}
	}
	return d.tx(ctx, "update session", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model(&row).Column("data", "expires_at", "seen_at").WherePK().Exec(ctx)
		return err
	})
}

// TouchSession implements SessionStore.
func (d *DB) TouchSession(ctx context.Context, tokenHash string, at time.Time) error {
	return d.tx(ctx, "touch session", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model((*sessionRow)(nil)).Set("seen_at = ?", sqldb.At(at)).
			Where("token_hash = ?", tokenHash).Where("seen_at < ?", sqldb.At(at)).Exec(ctx)
		return err
	})
}

// DeleteSession implements SessionStore.
func (d *DB) DeleteSession(ctx context.Context, tokenHash string) error {
	return d.tx(ctx, "delete session", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("token_hash = ?", tokenHash).Exec(ctx)
		return err
	})
}

// DeleteSessions implements SessionStore.
func (d *DB) DeleteSessions(ctx context.Context, now, idleSince time.Time) (int, error) {
	var n int
	err := d.tx(ctx, "delete expired sessions", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*sessionRow)(nil)).
			Where("expires_at <= ? OR seen_at <= ?", sqldb.At(now), sqldb.At(idleSince)).Exec(ctx))
		return err
	})
	return n, err
}
