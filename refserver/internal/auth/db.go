package auth

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's tables.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("auth", migrations) }

// DB is the Store on PostgreSQL and SQLite.
type DB struct {
	db       *sqlstore.DB
	sessions *batch.Loader[string, signedIn]
	record   RecordFunc
}

var _ Store = (*DB)(nil)

// NewDB returns the store in db, which must have been migrated.
func NewDB(db *sqlstore.DB) *DB {
	d := &DB{db: db, record: func(context.Context, bun.IDB, Change) error { return nil }}
	d.sessions = batch.NewLoader(db.Slots(), 64, d.findSessions, signedIn.own)
	return d
}

// Recording returns d with every change of an account recorded by f, in the
// transaction of the change.
func (d *DB) Recording(f RecordFunc) *DB {
	d.record = f
	return d
}

type userRow struct {
	bun.BaseModel `bun:"table:?(rk)auth_users,alias:u"`

	ID           string `bun:",pk"`
	Username     string
	UsernameKey  string
	Email        string
	PasswordHash string
	Role         string
	Super        bool
	CreatedAt    sqldb.Time
	UpdatedAt    sqldb.Time
	LockedAt     sqldb.Time // NULL: not locked
	DeletedAt    sqldb.Time // NULL: there
	FactorSecret string
	FactorOn     bool
	FactorStep   int64
	CodesTried   int
	CodesSince   sqldb.Time // NULL: never
	Generation   int64
	RoleBy       string
	RoleAt       sqldb.Time // NULL: nobody changed it
}

func (r userRow) user() User {
	return User{
		ID:        r.ID,
		Username:  r.Username,
		Email:     r.Email,
		Role:      Role(r.Role),
		Super:     r.Super,
		Locked:    !r.LockedAt.IsZero(),
		Deleted:   !r.DeletedAt.IsZero(),
		Factor:    r.FactorOn,
		CreatedAt: r.CreatedAt.Time(),

		Generation: r.Generation,
	}
}

func (d *DB) tx(ctx context.Context, op string, fn func(ctx context.Context, tx bun.IDB) error) error {
	return d.db.Tx(ctx, "auth: "+op, fn)
}

// CreateUser implements UserStore.
func (d *DB) CreateUser(ctx context.Context, u User, passwordHash string) error {
	row := userRow{
		ID:           u.ID,
		Username:     u.Username,
		UsernameKey:  usernameKey(u.Username),
		Email:        u.Email,
		PasswordHash: passwordHash,
		Role:         string(u.Role),
		Super:        u.Super,
		CreatedAt:    sqldb.At(u.CreatedAt),
		UpdatedAt:    sqldb.At(u.CreatedAt),
	}
	err := d.tx(ctx, "create user", func(ctx context.Context, tx bun.IDB) error {
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		return d.record(ctx, tx, changeOf(ChangeRegistered, row.user()))
	})
	if name, ok := sqldb.IsUnique(err); ok && strings.HasSuffix(name, "auth_users_username_key_key") {
		return &Error{Code: CodeUsernameTaken, Field: "username", Message: "That username is taken. Choose another one"}
	}
	return err
}

// User implements UserStore.
func (d *DB) User(ctx context.Context, id string) (User, error) {
	row, err := oneUser(ctx, d.db.Reader(), "id", id, false)
	return row.user(), err
}

// UserByName implements UserStore.
func (d *DB) UserByName(ctx context.Context, username string) (User, string, error) {
	row, err := oneUser(ctx, d.db.Reader(), "username_key", usernameKey(username), false)
	return row.user(), row.PasswordHash, err
}

// oneUser reads the user with the value in the column, locked if asked for.
func oneUser(ctx context.Context, db bun.IDB, column, value string, lock bool) (userRow, error) {
	var row userRow
	q := db.NewSelect().Model(&row).Where("u.? = ?", bun.Ident(column), value)
	if column != "id" {
		q = q.Where("u.deleted_at IS NULL")
	}
	if lock {
		q = sqldb.ForUpdate(q)
	}
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return userRow{}, fmt.Errorf("auth: user by %s: %w", column, ErrNotFound)
	}
	if err != nil {
		return userRow{}, fmt.Errorf("auth: user by %s: %w", column, err)
	}
	return row, nil
}

// UsersByID implements UserStore.
func (d *DB) UsersByID(ctx context.Context, ids []string) (map[string]User, error) {
	out := make(map[string]User, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	var rows []userRow
	if err := d.db.Reader().NewSelect().Model(&rows).Where("u.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("auth: users by id: %w", err)
	}
	for _, r := range rows {
		out[r.ID] = r.user()
	}
	return out, nil
}

// Users implements UserStore.
func (d *DB) Users(ctx context.Context, q UserQuery) ([]User, int, error) {
	size := q.PageSize
	if size < 1 || size > 1000 {
		size = 100
	}
	var rows []userRow
	sel := d.db.Reader().NewSelect().Model(&rows).Order("u.username_key").
		Limit(int64(size)).Offset(paging.Offset(q.Page, size))
	if text := strings.ToLower(strings.ReplaceAll(strings.ToValidUTF8(q.Text, ""), "\x00", "")); text != "" {
		pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
		sel = sel.Where(`(u.username_key LIKE ? ESCAPE '\' OR LOWER(u.email) LIKE ? ESCAPE '\')`, pattern, pattern)
	}
	sel = sel.Where("u.deleted_at IS NULL")
	n, err := sel.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("auth: users: %w", err)
	}
	out := make([]User, len(rows))
	for i, r := range rows {
		out[i] = r.user()
	}
	return out, int(n), nil
}

// SetRole implements UserStore.
func (d *DB) SetRole(ctx context.Context, by, id string, r Role, at time.Time) (User, error) {
	var row userRow
	err := d.tx(ctx, "set role", func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = oneUser(ctx, tx, "id", id, true); err != nil {
			return err
		}
		if row.Super {
			return &Error{Code: CodeSuperAdmin, Field: "role", Message: "The super admin's role can't be changed"}
		}
		if !row.DeletedAt.IsZero() {
			return ErrNotFound
		}
		change := changeOf(ChangeRole, row.user(), "from", row.Role, "to", string(r))
		row.Role, row.RoleBy, row.RoleAt, row.UpdatedAt = string(r), by, sqldb.At(at), sqldb.At(at)
		q := tx.NewUpdate().Model(&row).Column("role", "role_by", "role_at", "updated_at")
		if _, err = q.WherePK().Exec(ctx); err != nil {
			return err
		}
		return d.record(ctx, tx, change)
	})
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}

// RoleGiven implements UserStore.
func (d *DB) RoleGiven(ctx context.Context, id string) (by string, at time.Time, err error) {
	row, err := oneUser(ctx, d.db.Reader(), "id", id, false)
	return row.RoleBy, row.RoleAt.Time(), err
}

// MakeSuper implements UserStore.
func (d *DB) MakeSuper(ctx context.Context, id, passwordHash string, at time.Time) (User, error) {
	var row userRow
	err := d.tx(ctx, "make super admin", func(ctx context.Context, tx bun.IDB) (err error) {
		// All that change are locked in one order, so that two at once wait for
		// each other instead of in a circle.
		var rows []userRow
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&rows).
			Where("u.super OR u.id = ?", id).
			Order("u.id")).Scan(ctx); err != nil {
			return err
		}
		row = userRow{}
		for _, r := range rows {
			r.Super, r.UpdatedAt = r.ID == id, sqldb.At(at)
			if r.Super {
				r.Role, r.LockedAt, r.RoleBy, r.RoleAt = string(Admin), sqldb.Time{}, "", sqldb.Time{}
				if passwordHash != "" {
					r.PasswordHash, r.CodesTried, r.Generation = passwordHash, 0, r.Generation+1
				}
				row = r
			}
			q := tx.NewUpdate().Model(&r).Column(
				"role", "role_by", "role_at", "super", "password_hash", "codes_tried", "generation", "locked_at",
				"updated_at",
			)
			if _, err := q.WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		if row.ID == "" {
			return ErrNotFound
		}
		if passwordHash != "" {
			if err := endAll(ctx, tx, id); err != nil {
				return err
			}
		}
		return d.record(ctx, tx, changeOf(ChangeSuper, row.user()))
	})
	if err != nil {
		return User{}, err
	}
	return row.user(), nil
}
