package auth

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"slices"
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

type sessionRow struct {
	bun.BaseModel `bun:"table:?(rk)auth_sessions,alias:s"`

	TokenHash  string `bun:",pk"`
	UserID     *string
	Generation int64
	Data       []byte
	ExpiresAt  sqldb.Time
	SeenAt     sqldb.Time
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
