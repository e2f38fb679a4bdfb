package auth

import (
	"context"
	"time"
)

// Store keeps users and sessions. Every method is one transaction or one
// statement. Implementations are safe for concurrent use.
type Store interface {
	UserStore
	AccountStore
	SessionStore
}

// UserStore keeps users.
type UserStore interface {
	// CreateUser adds a user; an *Error with CodeUsernameTaken when the name
	// is in use, in any case.
	CreateUser(ctx context.Context, u User, passwordHash string) error
	// User returns the user with the id, or ErrNotFound.
	User(ctx context.Context, id string) (User, error)
	// UsersByID returns the users that exist, by id.
	UsersByID(ctx context.Context, ids []string) (map[string]User, error)
	// UserByName returns the user with the name in any case and the hash of
	// the password, or ErrNotFound.
	UserByName(ctx context.Context, username string) (u User, passwordHash string, err error)
	// Users returns a page of users by name, and how many match.
	Users(ctx context.Context, q UserQuery) ([]User, int, error)
	// SetRole changes the role of a user who is not the super admin, and notes as who gave it the id by; the
	// super admin's is left as it is and an *Error with CodeSuperAdmin returned.
	SetRole(ctx context.Context, by, id string, r Role, at time.Time) (User, error)
	// RoleGiven returns who gave the user's role, and when; by is empty where nobody did.
	RoleGiven(ctx context.Context, id string) (by string, at time.Time, err error)
	// MakeSuper makes the user the one super admin: an admin, with the
	// password hash unless it is empty. A new password ends the user's
	// sessions. Whoever was super admin before stays an admin.
	MakeSuper(ctx context.Context, id, passwordHash string, at time.Time) (User, error)
}

// UserQuery selects users. Zero fields select all.
type UserQuery struct {
	Text     string // part of the name or the e-mail address, in any case
	Page     int    // 1 is the first; 0 means 1
	PageSize int    // 1 to 1000; 0 means 100
}

// SessionStore keeps sessions.
type SessionStore interface {
	// Session returns the session with the token hash that has not expired at
	// now and was seen after idleSince, with its user as the user is now; the
	// zero User when nobody is signed in. found is false when there is none.
	Session(ctx context.Context, tokenHash string, now, idleSince time.Time) (s Session, u User, found bool, err error)
	// InsertSession adds a session, or replaces the one with its token hash.
	InsertSession(ctx context.Context, s Session) error
	// UpdateSession saves the data of a session that is there. One that was
	// deleted in the meantime stays deleted; that is no error.
	UpdateSession(ctx context.Context, s Session) error
	// TouchSession records that the session was in use at that instant, if it
	// is there.
	TouchSession(ctx context.Context, tokenHash string, at time.Time) error
	// DeleteSession removes a session; none to remove is no error.
	DeleteSession(ctx context.Context, tokenHash string) error
	// DeleteSessions removes the sessions that have expired at now or were
	// last seen at idleSince or before, and says how many.
	DeleteSessions(ctx context.Context, now, idleSince time.Time) (int, error)
}

// Session is a session as it is stored.
type Session struct {
	TokenHash string // keyed hash of the token in the cookie
	UserID    string // empty: nobody is signed in
	// Generation is the user's when the password was right. Where the user's is another one now, there
	// is no such session.
	Generation int64
	Data       []byte
	ExpiresAt  time.Time // whatever happens, it ends here
	SeenAt     time.Time
}

// AccountStore keeps what owners and admins do to accounts. A change that ends
// sessions does so in its transaction.
type AccountStore interface {
	// SetPassword changes the password hash and ends all sessions and reset
	// tokens of the user.
	SetPassword(ctx context.Context, id, passwordHash string, at time.Time) (User, error)
	// SetLocked locks or unlocks an account; locking ends its sessions. The
	// super admin's is an *Error with CodeSuperAdmin.
	SetLocked(ctx context.Context, id string, locked bool, at time.Time) (User, error)
	// DeleteUser removes name, address and password of an account and ends its
	// sessions; its row stays, because orders name it. The super admin's is an
	// *Error with CodeSuperAdmin.
	DeleteUser(ctx context.Context, id string, at time.Time) (User, error)
	// SessionsOf returns the sessions of a user that have not ended, the one
	// used last first, at most 200.
	SessionsOf(ctx context.Context, userID string, now, idleSince time.Time) ([]Session, error)
	// EndSession removes the session of the user whose token hash begins with the
	// 16 characters.
	EndSession(ctx context.Context, u User, begin string) error
	// EndSessions removes all sessions of the user but the one with the token hash
	// keep; with "" there is none to keep.
	EndSessions(ctx context.Context, u User, keep string) error
	// AddResetRequest notes that somebody asks for a reset of the password of
	// the address, unless limit requests for it are less than an hour old.
	AddResetRequest(ctx context.Context, email string, at time.Time, limit int) error
	// ClaimResetRequest returns a request that is due and makes it due again at next;
	// found is false when there is none.
	ClaimResetRequest(ctx context.Context, now, next time.Time) (q ResetRequest, found bool, err error)
	// FinishResetRequest notes that a request is done with.
	FinishResetRequest(ctx context.Context, id string, at time.Time) error
	// UsersByEmail returns the users with the address, given in lower case, whose
	// passwords can be reset, the oldest accounts first: those that somebody made
	// with the address of another come after that one's own.
	UsersByEmail(ctx context.Context, email string, limit int) ([]User, error)
	// AddReset adds a reset token of the user.
	AddReset(ctx context.Context, tokenHash string, u User, expires time.Time) error
	// ResetUser returns whose reset token it is, or ErrNotFound: used, expired,
	// none, or of a locked account.
	ResetUser(ctx context.Context, tokenHash string, now time.Time) (User, error)
	// UseReset uses the token once, changes the password hash, and ends all
	// sessions and reset tokens of the user; ErrNotFound as ResetUser.
	UseReset(ctx context.Context, tokenHash string, u User, passwordHash string, now time.Time) error
	// SetFactorSecret keeps the secret of a second factor that is not on yet. One
	// that is on is an *Error with CodeInvalid.
	SetFactorSecret(ctx context.Context, id, secret string, at time.Time) (User, error)
	// FactorSecret returns the secret of the user's second factor, empty for none.
	FactorSecret(ctx context.Context, id string) (string, error)
	// TryCode counts a code of the user that is about to be checked, and returns how many of the
	// day it makes; 0 where limit were tried already, and then when the day is over. The day begins
	// with its first code.
	TryCode(ctx context.Context, id string, limit int, at time.Time) (n int, over time.Time, err error)
	// UseFactorStep notes that the code of the step was used, and that it was not a wrong one, and
	// reports false where that or a later one was before: a code works once.
	UseFactorStep(ctx context.Context, id string, step int64) (bool, error)
	// TurnFactorOn turns the second factor on, with the hashes of its recovery
	// codes, and ends the user's sessions but the one with the token hash keep.
	TurnFactorOn(ctx context.Context, id, keep string, codeHashes []string, at time.Time) (User, error)
	// TurnFactorOff removes the second factor and its recovery codes, and ends the
	// user's sessions but the one with the token hash keep.
	TurnFactorOff(ctx context.Context, id, keep string, at time.Time) (User, error)
	// UseRecoveryCode removes the code, and reports false where the user has none
	// such.
	UseRecoveryCode(ctx context.Context, u User, codeHash string) (bool, error)
	// DeleteOldResets removes tokens that had expired and requests made by then.
	DeleteOldResets(ctx context.Context, before time.Time) (int, error)
}

// ResetRequest is a request to reset a password that is being executed.
type ResetRequest struct {
	ID       string
	Email    string
	Attempts int // this one included
}
