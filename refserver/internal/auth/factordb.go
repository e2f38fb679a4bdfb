package auth

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

type recoveryRow struct {
	bun.BaseModel `bun:"table:?(rk)auth_recovery_codes,alias:c"`

	CodeHash string `bun:",pk"`
	UserID   string
}

// SetFactorSecret implements AccountStore.
func (d *DB) SetFactorSecret(ctx context.Context, id, secret string, at time.Time) (User, error) {
	var row userRow
	err := d.tx(ctx, "set second factor", func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = oneUser(ctx, tx, "id", id, true); err != nil {
			return err
		}
		if row.FactorOn {
			return &Error{Code: CodeInvalid, Field: "code", Message: "Your second factor is on already"}
		}
		row.FactorSecret, row.FactorStep, row.UpdatedAt = secret, 0, sqldb.At(at)
		_, err = tx.NewUpdate().Model(&row).Column("factor_secret", "factor_step", "updated_at").WherePK().Exec(ctx)
		return err
	})
	return row.user(), err
}

// FactorSecret implements AccountStore.
func (d *DB) FactorSecret(ctx context.Context, id string) (string, error) {
	row, err := oneUser(ctx, d.db.Read(), "id", id, false)
	return row.FactorSecret, err
}

// TryCode implements AccountStore.
func (d *DB) TryCode(ctx context.Context, id string, limit int, at time.Time) (n int, over time.Time, err error) {
	err = d.tx(ctx, "try second factor", func(ctx context.Context, tx bun.IDB) error {
		row, err := oneUser(ctx, tx, "id", id, true)
		if err != nil {
			return err
		}
		// A day that begins after the next one would is of a clock that was ahead.
		since := row.CodesSince.Time()
		if since.IsZero() || !at.Before(since.Add(codeDay)) || since.After(at.Add(codeDay)) {
			row.CodesTried, row.CodesSince, since = 0, sqldb.At(at), at
		}
		over = since.Add(codeDay)
		if row.CodesTried >= limit {
			return nil
		}
		row.CodesTried++
		n = row.CodesTried
		_, err = tx.NewUpdate().Model(&row).Column("codes_tried", "codes_since").WherePK().Exec(ctx)
		return err
	})
	return n, over, err
}

// UseFactorStep implements AccountStore.
func (d *DB) UseFactorStep(ctx context.Context, id string, step int64) (bool, error) {
	used := false
	err := d.tx(ctx, "use second factor", func(ctx context.Context, tx bun.IDB) (err error) {
		used, err = sqldb.ChangedOne(tx.NewUpdate().Model((*userRow)(nil)).Set("factor_step = ?", step).
			Set("codes_tried = CASE WHEN codes_tried > 0 THEN codes_tried - 1 ELSE 0 END").
			Where("id = ?", id).Where("factor_step < ?", step).Exec(ctx))
		return err
	})
	return used, err
}

// TurnFactorOn implements AccountStore.
func (d *DB) TurnFactorOn(
	ctx context.Context,
	id, keep string,
	codeHashes []string,
	at time.Time,
) (User, error) {
	var row userRow
	err := d.tx(ctx, "turn second factor on", func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = oneUser(ctx, tx, "id", id, true); err != nil {
			return err
		}
		if row.FactorOn || row.FactorSecret == "" {
			return &Error{
				Code:    CodeInvalid,
				Field:   "code",
				Message: "Begin again: there is no second factor to turn on",
			}
		}
		row.FactorOn, row.Generation, row.UpdatedAt = true, row.Generation+1, sqldb.At(at)
		q := tx.NewUpdate().Model(&row).Column("factor_on", "generation", "updated_at")
		if _, err := q.WherePK().Exec(ctx); err != nil {
			return err
		}
		codes := make([]recoveryRow, len(codeHashes))
		for i, h := range codeHashes {
			codes[i] = recoveryRow{CodeHash: h, UserID: id}
		}
		if _, err := tx.NewInsert().Model(&codes).Exec(ctx); err != nil {
			return err
		}
		if err := keepOne(ctx, tx, row, keep); err != nil {
			return err
		}
		return d.record(ctx, tx, changeOf(ChangeFactorOn, row.user()))
	})
	return row.user(), err
}

// TurnFactorOff implements AccountStore.
func (d *DB) TurnFactorOff(ctx context.Context, id, keep string, at time.Time) (User, error) {
	var row userRow
	err := d.tx(ctx, "turn second factor off", func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = oneUser(ctx, tx, "id", id, true); err != nil {
			return err
		}
		row.FactorSecret, row.FactorOn, row.FactorStep, row.CodesTried = "", false, 0, 0
		row.Generation, row.UpdatedAt = row.Generation+1, sqldb.At(at)
		q := tx.NewUpdate().Model(&row).
			Column("factor_secret", "factor_on", "factor_step", "codes_tried", "generation", "updated_at")
		if _, err := q.WherePK().Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*recoveryRow)(nil)).Where("user_id = ?", id).Exec(ctx); err != nil {
			return err
		}
		if err := keepOne(ctx, tx, row, keep); err != nil {
			return err
		}
		return d.record(ctx, tx, changeOf(ChangeFactorOff, row.user()))
	})
	return row.user(), err
}

// UseRecoveryCode implements AccountStore.
func (d *DB) UseRecoveryCode(ctx context.Context, u User, codeHash string) (bool, error) {
	used := false
	err := d.tx(ctx, "use recovery code", func(ctx context.Context, tx bun.IDB) error {
		res, err := tx.NewDelete().Model((*recoveryRow)(nil)).
			Where("code_hash = ?", codeHash).Where("user_id = ?", u.ID).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if used = n == 1; err != nil || !used {
			return err
		}
		return d.record(ctx, tx, changeOf(ChangeRecovered, u))
	})
	return used, err
}

// keepOne ends the sessions of a user, whose generation has grown, but the one with the token hash keep.
func keepOne(ctx context.Context, tx bun.IDB, u userRow, keep string) error {
	if _, err := endOthers(ctx, tx, u.ID, keep); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Model((*sessionRow)(nil)).Set("generation = ?", u.Generation).
		Where("token_hash = ?", keep).Where("user_id = ?", u.ID).Exec(ctx)
	return err
}
