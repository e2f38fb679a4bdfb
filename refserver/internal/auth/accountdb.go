package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
)

type resetRow struct {
	bun.BaseModel `bun:"table:?(rk)auth_resets,alias:r"`

	TokenHash string `bun:",pk"`
	UserID    string
	ExpiresAt sqldb.Time
	UsedAt    sqldb.Time // NULL: not used
}

type resetRequestRow struct {
	bun.BaseModel `bun:"table:?(rk)auth_reset_requests,alias:q"`

	ID        string `bun:",pk"`
	Email     string
	CreatedAt sqldb.Time
	NextAt    sqldb.Time
	Attempts  int
	DoneAt    sqldb.Time // NULL: to be done
}

// changeUser changes the row of a user who is there, and records what change
// returns. Its sessions and reset tokens end where change says so.
func (d *DB) changeUser(
	ctx context.Context,
	op, id string,
	end bool,
	change func(r *userRow) (Change, error),
) (User, error) {
	var row userRow
	err := d.tx(ctx, op, func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = oneUser(ctx, tx, "id", id, true); err != nil {
			return err
		}
		if !row.DeletedAt.IsZero() {
			return ErrNotFound
		}
		c, err := change(&row)
		if err != nil {
			return err
		}
		if end {
			row.Generation++
		}
		if _, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
			return err
		}
		if end {
			if err := endAll(ctx, tx, id); err != nil {
				return err
			}
		}
		if !row.DeletedAt.IsZero() {
			if _, err := tx.NewDelete().Model((*recoveryRow)(nil)).Where("user_id = ?", id).Exec(ctx); err != nil {
				return err
			}
		}
		return d.record(ctx, tx, c)
	})
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

// endAll removes the sessions and the reset tokens of a user.
func endAll(ctx context.Context, tx bun.IDB, id string) error {
	for _, model := range []any{(*sessionRow)(nil), (*resetRow)(nil)} {
		if _, err := tx.NewDelete().Model(model).Where("user_id = ?", id).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// SetPassword implements AccountStore.
func (d *DB) SetPassword(ctx context.Context, id, passwordHash string, at time.Time) (User, error) {
	return d.changeUser(ctx, "set password", id, true, func(r *userRow) (Change, error) {
		// Who tried the codes needs the new password now.
		r.PasswordHash, r.CodesTried, r.UpdatedAt = passwordHash, 0, sqldb.At(at)
		return changeOf(ChangePassword, r.user()), nil
	})
}

// SetLocked implements AccountStore.
func (d *DB) SetLocked(ctx context.Context, id string, locked bool, at time.Time) (User, error) {
	return d.changeUser(ctx, "lock account", id, locked, func(r *userRow) (Change, error) {
		if r.Super {
			return Change{}, superFixed("The super admin can't be locked")
		}
		kind := ChangeUnlocked
		r.LockedAt, r.UpdatedAt = sqldb.Time{}, sqldb.At(at)
		if locked {
			kind, r.LockedAt = ChangeLocked, sqldb.At(at)
		}
		return changeOf(kind, r.user()), nil
	})
}

// DeleteUser implements AccountStore.
func (d *DB) DeleteUser(ctx context.Context, id string, at time.Time) (User, error) {
	return d.changeUser(ctx, "delete account", id, true, func(r *userRow) (Change, error) {
		if r.Super {
			return Change{}, superFixed("The super admin can't be deleted")
		}
		c := changeOf(ChangeDeleted, r.user())
		r.Username = "deleted:" + r.ID // no name that anybody can register
		r.UsernameKey, r.Email, r.PasswordHash, r.Role = usernameKey(r.Username), "", "", string(Customer)
		r.FactorSecret, r.FactorOn, r.FactorStep = "", false, 0
		r.DeletedAt, r.UpdatedAt = sqldb.At(at), sqldb.At(at)
		return c, nil
	})
}

func superFixed(message string) error {
	return &Error{Code: CodeSuperAdmin, Message: message + ": the settings name that account"}
}

// SessionsOf implements AccountStore.
func (d *DB) SessionsOf(ctx context.Context, userID string, now, idleSince time.Time) ([]Session, error) {
	var rows []sessionRow
	err := d.db.Reader().NewSelect().Model(&rows).
		Join("JOIN ?(rk)auth_users AS u ON u.id = s.user_id AND u.generation = s.generation").
		Where("s.user_id = ?", userID).
		Where("s.expires_at > ?", sqldb.At(now)).Where("s.seen_at > ?", sqldb.At(idleSince)).
		Order("s.seen_at DESC").Limit(200).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("auth: sessions of a user: %w", err)
	}
	list := make([]Session, len(rows))
	for i, r := range rows {
		list[i] = Session{
			TokenHash: r.TokenHash, UserID: userID, Generation: r.Generation, Data: r.Data,
			ExpiresAt: r.ExpiresAt.Time(), SeenAt: r.SeenAt.Time(),
		}
	}
	return list, nil
}

// EndSession implements AccountStore.
func (d *DB) EndSession(ctx context.Context, u User, begin string) error {
	return d.tx(ctx, "end session", func(ctx context.Context, tx bun.IDB) error {
		n, err := deleted(tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", u.ID).
			Where("SUBSTR(token_hash, 1, 16) = ?", begin).Exec(ctx))
		return d.ended(ctx, tx, u, n, err)
	})
}

// EndSessions implements AccountStore.
func (d *DB) EndSessions(ctx context.Context, u User, keep string) error {
	return d.tx(ctx, "end sessions", func(ctx context.Context, tx bun.IDB) error {
		n, err := endOthers(ctx, tx, u.ID, keep)
		return d.ended(ctx, tx, u, n, err)
	})
}

// ended records that n sessions were ended, where there were any.
func (d *DB) ended(ctx context.Context, tx bun.IDB, u User, n int64, err error) error {
	if err != nil || n == 0 {
		return err
	}
	return d.record(ctx, tx, changeOf(ChangeSessionEnded, u, "sessions", fmt.Sprint(n)))
}

// endOthers removes the sessions of a user but the one with the token hash keep,
// however many there are, and says how many they were.
func endOthers(ctx context.Context, tx bun.IDB, id, keep string) (int64, error) {
	return deleted(tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", id).
		Where("token_hash <> ?", keep).Exec(ctx))
}

// deleted is how many rows a statement has removed.
func deleted(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// AddResetRequest implements AccountStore.
func (d *DB) AddResetRequest(ctx context.Context, email string, at time.Time, limit int) error {
	return d.tx(ctx, "request password reset", func(ctx context.Context, tx bun.IDB) error {
		n, err := tx.NewSelect().Model((*resetRequestRow)(nil)).Where("q.email = ?", email).
			Where("q.created_at > ?", sqldb.At(at.Add(-time.Hour))).Count(ctx)
		if err != nil || int(n) >= limit {
			return err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		row := resetRequestRow{ID: id.String(), Email: email, CreatedAt: sqldb.At(at), NextAt: sqldb.At(at)}
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
}

// ClaimResetRequest implements AccountStore.
func (d *DB) ClaimResetRequest(ctx context.Context, now, next time.Time) (ResetRequest, bool, error) {
	var row resetRequestRow
	err := d.tx(ctx, "claim password reset", func(ctx context.Context, tx bun.IDB) error {
		row = resetRequestRow{}
		q := tx.NewSelect().Model(&row).Where("q.done_at IS NULL").Order("q.next_at").Limit(1)
		q = lease.WhereDue(q, "q", now, next.Sub(now))
		if err := sqldb.SkipLocked(q).Scan(ctx); err != nil {
			return err
		}
		row.NextAt, row.Attempts = sqldb.At(next), row.Attempts+1
		_, err := tx.NewUpdate().Model(&row).Column("next_at", "attempts").WherePK().Exec(ctx)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return ResetRequest{}, false, nil
	}
	return ResetRequest{ID: row.ID, Email: row.Email, Attempts: row.Attempts}, err == nil, err
}

// FinishResetRequest implements AccountStore.
func (d *DB) FinishResetRequest(ctx context.Context, id string, at time.Time) error {
	return d.tx(ctx, "finish password reset request", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model((*resetRequestRow)(nil)).Set("done_at = ?", sqldb.At(at)).
			Where("id = ?", id).Exec(ctx)
		return err
	})
}

// UsersByEmail implements AccountStore.
func (d *DB) UsersByEmail(ctx context.Context, email string, limit int) ([]User, error) {
	var rows []userRow
	err := d.db.Reader().NewSelect().Model(&rows).Where("LOWER(u.email) = ?", email).
		Where("u.deleted_at IS NULL").Where("u.locked_at IS NULL").Where("NOT u.super").
		Order("u.created_at", "u.id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("auth: users by e-mail: %w", err)
	}
	list := make([]User, len(rows))
	for i, r := range rows {
		list[i] = r.user()
	}
	return list, nil
}

// AddReset implements AccountStore.
func (d *DB) AddReset(ctx context.Context, tokenHash string, u User, expires time.Time) error {
	return d.tx(ctx, "make reset token", func(ctx context.Context, tx bun.IDB) error {
		row := resetRow{TokenHash: tokenHash, UserID: u.ID, ExpiresAt: sqldb.At(expires)}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		return d.record(ctx, tx, changeOf(ChangeResetRequested, u))
	})
}

// ResetUser implements AccountStore.
func (d *DB) ResetUser(ctx context.Context, tokenHash string, now time.Time) (User, error) {
	var row userRow
	err := d.db.Reader().NewSelect().Model(&row).
		Join("JOIN ?(rk)auth_resets AS r ON r.user_id = u.id").
		Where("r.token_hash = ?", tokenHash).Where("r.used_at IS NULL").Where("r.expires_at > ?", sqldb.At(now)).
		Where("u.deleted_at IS NULL").Where("u.locked_at IS NULL").Where("NOT u.super").Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, ErrNotFound
	}
	if err != nil {
		return User{}, fmt.Errorf("auth: user of a reset token: %w", err)
	}
	return row.user(), nil
}

// UseReset implements AccountStore.
func (d *DB) UseReset(ctx context.Context, tokenHash string, u User, passwordHash string, now time.Time) error {
	return d.tx(ctx, "reset password", func(ctx context.Context, tx bun.IDB) error {
		res, err := tx.NewUpdate().Model((*resetRow)(nil)).Set("used_at = ?", sqldb.At(now)).
			Where("token_hash = ?", tokenHash).Where("user_id = ?", u.ID).
			Where("used_at IS NULL").Where("expires_at > ?", sqldb.At(now)).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrNotFound)
		}
		res, err = tx.NewUpdate().Model((*userRow)(nil)).Set("password_hash = ?", passwordHash).
			Set("generation = generation + 1").Set("codes_tried = 0").Set("updated_at = ?", sqldb.At(now)).
			Where("id = ?", u.ID).
			Where("deleted_at IS NULL").Where("locked_at IS NULL").Where("NOT super").Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrNotFound)
		}
		if err := endAll(ctx, tx, u.ID); err != nil {
			return err
		}
		return d.record(ctx, tx, changeOf(ChangePasswordReset, u))
	})
}

// DeleteOldResets implements AccountStore.
func (d *DB) DeleteOldResets(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := d.tx(ctx, "forget old password resets", func(ctx context.Context, tx bun.IDB) error {
		res, err := tx.NewDelete().Model((*resetRow)(nil)).Where("expires_at <= ?", sqldb.At(before)).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*resetRequestRow)(nil)).Where("created_at <= ?", sqldb.At(before)).Exec(ctx)
		return err
	})
	return int(n), err
}
