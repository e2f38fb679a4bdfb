package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/refserver/internal/defaults"
)

// Config says what a Service stands on. Store and Secret are required.
type Config struct {
	Store Store
	// Secret keys the hashes under which session tokens are stored.
	Secret []byte
	// SecureCookies: the cookie travels over https only.
	SecureCookies bool
	// Lifetime is when a session ends whatever happens; 0 means 12 hours.
	Lifetime time.Duration
	// Idle is when a session ends that nobody uses; 0 means 2 hours.
	Idle time.Duration
	// WeakHashes stores passwords under hashes that are made in no time. It is
	// for tests of what comes after signing in, and for nothing else.
	WeakHashes bool
	// MinStrength is the lowest score of a password that is chosen, from 0 (any)
	// to 4 (very hard to guess), as github.com/dropbox/zxcvbn rates it.
	MinStrength int
	// RoleAge is how long a role counts as held by who gave it; see CountsAs. 0: not at all.
	RoleAge time.Duration
	// RegistrationsPerHour is how many one address may make; 0 means 2,000.
	RegistrationsPerHour int
	// Mailer queues the mails of password resets; nil: there are none.
	Mailer ResetQueue
	// Record records what happens to accounts outside of the store's own changes,
	// such as sign-ins; nil records nothing.
	Record RecordFunc
	// OnError answers a request whose session can't be read or saved, because
	// the store failed; nil answers 503 with a sentence.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now
}

// Failed sign-ins that an account and address, and an address in all, may have
// in a window.
const (
	maxFailures        = 10
	maxAddressFailures = 100
	failureWindow      = time.Minute
)

// Registrations that one address may make.
const (
	registrationsAtOnce  = 16
	registrationsPerHour = 2000
)

// Service registers, signs in and out, and says who a request comes from. It
// is safe for concurrent use.
type Service struct {
	store     Store
	sessions  *scs.SessionManager
	hasher    *hasher
	attempts  *attempts
	slowdown  *slowdown
	addresses *attempts // by address alone
	requests  *quota    // of password resets, by address

	registrations *quota // by address
	idle          time.Duration
	secret        []byte
	minStrength   int
	roleAge       time.Duration
	mailer        ResetQueue
	record        RecordFunc
	now           func() time.Time
	log           *slog.Logger
}

// New returns a Service.
func New(c Config) (*Service, error) {
	if c.Store == nil {
		return nil, errors.New("auth: Config.Store is required")
	}
	if len(c.Secret) < 16 {
		return nil, errors.New("auth: Config.Secret must have 16 bytes or more")
	}
	if c.Lifetime == 0 {
		c.Lifetime = 12 * time.Hour
	}
	if c.Idle == 0 {
		c.Idle = 2 * time.Hour
	}
	if c.RegistrationsPerHour == 0 {
		c.RegistrationsPerHour = registrationsPerHour
	}
	defaults.ClockAndLog(&c.Now, &c.Log)
	if c.Record == nil {
		c.Record = func(context.Context, bun.IDB, Change) error { return nil }
	}
	params := owasp
	if c.WeakHashes {
		params = weak
	}
	s := &Service{
		store: c.Store, hasher: newHasher(params), idle: c.Idle, now: c.Now, log: c.Log,
		attempts: newAttempts(maxFailures, failureWindow, c.Now), slowdown: newSlowdown(c.Now),
		secret: c.Secret, minStrength: c.MinStrength, roleAge: c.RoleAge, mailer: c.Mailer, record: c.Record,
		addresses: newAttempts(maxAddressFailures, failureWindow, c.Now),
		requests:  newQuota(requestsOfOne, 0, c.Now),

		registrations: newQuota(c.RegistrationsPerHour, registrationsAtOnce, c.Now),
	}
	s.sessions = s.newSessions(c)
	return s, nil
}

// Register adds a customer. Whatever is wrong comes back as an *Error with
// CodeInvalid and the field, or CodeUsernameTaken. From one address, 16 at once
// and Config.RegistrationsPerHour pass; more of them are CodeTooManyAttempts. One that is refused
// counts where its password was judged, which takes as long as a hash. Sign-ins go first in the line of
// passwords to judge and hash.
func (s *Service) Register(ctx context.Context, r Registration) (User, error) {
	if err := r.Validate(); err != nil {
		return User{}, err
	}
	judged := false
	if address := addressOf(ctx); address != "" {
		end, wait := s.registrations.take(address)
		if end == nil {
			return User{}, &Error{Code: CodeTooManyAttempts, RetryAfter: wait,
				Message: "Too many accounts are being made from your address. Wait, then try again"}
		}
		defer func() { end(!judged) }()
	}
	itsTurn := func(ctx context.Context) (leave func(), err error) {
		leave, err = s.hasher.line.enterLast(ctx)
		judged = err == nil
		return leave, err
	}
	return s.create(ctx, r, func(ctx context.Context, password string) (string, error) {
		return s.hashNew(ctx, itsTurn, password, r.Username, r.Email)
	})
}

func (s *Service) create(
	ctx context.Context,
	r Registration,
	hashOf func(context.Context, string) (string, error),
) (User, error) {
	hash, err := hashOf(ctx, r.Password)
	if err != nil {
		return User{}, fmt.Errorf("auth: register: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return User{}, fmt.Errorf("auth: register: %w", err)
	}
	u := User{
		ID:        id.String(),
		Username:  r.Username,
		Email:     r.Email,
		Role:      Customer,
		CreatedAt: s.now().UTC().Truncate(time.Microsecond),
	}
	if err := s.store.CreateUser(ctx, u, hash); err != nil {
		return User{}, err
	}
	return u, nil
}

// SignIn checks name and password and makes the session of ctx (see Load)
// that user's, under a new token. The address is where the request comes
// from. Wrong ones give an *Error with CodeCredentials, and after ten of them
// in a minute for the account and address, or a hundred for the address,
// CodeTooManyAttempts, for the right password too: else the answer would tell
// which guess was right. Good ones do not count, however many come at once. What
// is over the limit costs no hash. Addresses take turns at hashing; where the
// line is long, that too is CodeTooManyAttempts.
//
// Who owns an account is not locked out of it by others: from another address
// the password is taken. Where more than twenty have failed for the account
// from anywhere, each sign-in to it first waits, up to four seconds, until a
// quarter of an hour has passed without one. An unknown name costs the time of
// a known one.
//
// Where the account has a second factor the user is not signed in yet: the error
// is CodeSecondFactor, and SignInCode continues.
func (s *Service) SignIn(ctx context.Context, username, password, address string) (User, error) {
	u, err := s.Verify(ctx, username, password, address)
	if err != nil {
		return User{}, err
	}
	if u.Factor {
		return User{}, s.beginCode(ctx, u)
	}
	if err := s.record(ctx, nil, changeOf(ChangeSignedIn, u)); err != nil {
		return User{}, fmt.Errorf("auth: sign in %s: %w", u.Username, err)
	}
	if err := s.begin(ctx, u); err != nil {
		return User{}, fmt.Errorf("auth: sign in %s: %w", u.Username, err)
	}
	return u, nil
}

// Verify is SignIn without a session.
func (s *Service) Verify(ctx context.Context, username, password, address string) (User, error) {
	name := accountKey(username)
	ctx = withAddress(ctx, address)
	done, err := s.enter(ctx, address, name)
	if err != nil {
		return User{}, err
	}
	failed := false
	defer func() { done(failed) }()
	if err := s.slowdown.wait(ctx, name); err != nil {
		return User{}, fmt.Errorf("auth: sign in: %w", err)
	}

	// A name that nobody can have is not looked for.
	u, hash, err := User{}, "", error(ErrNotFound)
	if usernamePattern.MatchString(username) {
		u, hash, err = s.store.UserByName(ctx, username)
	}
	unknown := errors.Is(err, ErrNotFound)
	if unknown {
		hash = s.hasher.dummy
	} else if err != nil {
		return User{}, fmt.Errorf("auth: sign in: %w", err)
	}
	ok, err := s.hasher.verify(ctx, password, hash)
	if err != nil {
		return User{}, fmt.Errorf("auth: sign in: %w", err)
	}
	if !ok || unknown {
		failed = true
		s.slowdown.failed(name)
		// What was typed may be a password: only the name of an account is kept.
		c := changeOf(ChangeSignInFailed, u, "reason", "no such account")
		if !unknown {
			c = changeOf(ChangeSignInFailed, u, "name", u.Username)
		}
		if err := s.record(ctx, nil, c); err != nil {
			return User{}, fmt.Errorf("auth: sign in: %w", err)
		}
		return User{}, &Error{Code: CodeCredentials, Message: "Invalid username or password"}
	}
	if u.Locked {
		if err := s.record(ctx, nil, changeOf(ChangeSignInFailed, u, "reason", "locked")); err != nil {
			return User{}, fmt.Errorf("auth: sign in: %w", err)
		}
		return User{}, &Error{Code: CodeLocked, Message: "This account is locked. Ask the shop to unlock it"}
	}
	return u, nil
}

// AddressKey is an address as failures and connections are counted by. One of IPv6 counts as
// its /64, which is what one line is given.
func AddressKey(address string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		if a = a.Unmap(); a.Is6() {
			if p, err := a.WithZone("").Prefix(64); err == nil {
				a = p.Addr()
			}
		}
		return a.String()
	}
	return address
}

// accountKey is a name as failures are counted by, of bounded size.
func accountKey(username string) string {
	name := usernameKey(username)
	return name[:min(len(name), 64)]
}

// User returns the user with the id, or ErrNotFound.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	if uuid.Validate(id) != nil {
		return User{}, ErrNotFound
	}
	return s.store.User(ctx, id)
}

// UserByName returns the user with the name in any case, or ErrNotFound.
func (s *Service) UserByName(ctx context.Context, username string) (User, error) {
	if !usernamePattern.MatchString(username) {
		return User{}, ErrNotFound
	}
	u, _, err := s.store.UserByName(ctx, username)
	return u, err
}

// UsersByID returns the users that exist, by id.
func (s *Service) UsersByID(ctx context.Context, ids []string) (map[string]User, error) {
	return s.store.UsersByID(ctx, ids)
}

// Users returns a page of users by name, and how many match.
func (s *Service) Users(ctx context.Context, q UserQuery) ([]User, int, error) {
	return s.store.Users(ctx, q)
}

// SetRole gives another user a role from the next request on. The super admin's
// can't be changed (CodeSuperAdmin); one's own and a role that is none are CodeInvalid.
//
// What is kept as who gave it is whom the giver counts as now, see CountsAs: by an account that somebody
// made, it is given by them, whatever roles such accounts give each other after.
func (s *Service) SetRole(ctx context.Context, by User, id string, r Role) (User, error) {
	if !slices.Contains(Roles(), r) {
		return User{}, &Error{Code: CodeInvalid, Field: "role", Message: "A role is " + RoleNames()}
	}
	superOwn := by.Super && by.ID == id // the store says why not
	if err := others(by, id, "change the role of"); err != nil && !superOwn {
		return User{}, err
	}
	giver, err := s.CountsAs(ctx, by.ID)
	if err != nil {
		return User{}, fmt.Errorf("auth: set role: %w", err)
	}
	u, err := s.store.SetRole(ctx, giver, id, r, s.now())
	if err != nil {
		return User{}, err
	}
	s.log.InfoContext(ctx, "role set", "subject_id", u.ID, "subject", u.Username, "role", u.Role, "by", by.ID)
	return u, nil
}

// CountsAs returns the id that a user counts as where something takes two people: while the user's
// role is younger than Config.RoleAge, the id that who gave it counted as then, so that nobody can be the
// second person by an account they made.
func (s *Service) CountsAs(ctx context.Context, id string) (string, error) {
	seen := []string{id}
	for {
		by, at, err := s.store.RoleGiven(ctx, seen[len(seen)-1])
		if err != nil && !errors.Is(err, ErrNotFound) {
			return "", err
		}
		if err != nil || by == "" || s.now().Sub(at) >= s.roleAge {
			return seen[len(seen)-1], nil
		}
		if i := slices.Index(seen, by); i >= 0 { // they gave each other's
			return slices.Min(seen[i:]), nil
		}
		seen = append(seen, by)
	}
}

// EnsureSuperAdmin makes sure that the user exists, is the one super admin and
// has this password: the settings are the truth of all three. Any number of
// processes may call it at once.
func (s *Service) EnsureSuperAdmin(ctx context.Context, username, password, email string) (User, error) {
	r := Registration{Username: username, Email: email, Password: password}
	if err := r.Validate(); err != nil {
		return User{}, err
	}
	u, hash, err := s.store.UserByName(ctx, username)
	if errors.Is(err, ErrNotFound) {
		if _, err = s.create(ctx, r, s.hasher.hash); err != nil && CodeOf(err) != CodeUsernameTaken {
			return User{}, err
		}
		u, hash, err = s.store.UserByName(ctx, username)
	}
	if err != nil {
		return User{}, err
	}
	same, err := s.hasher.verify(ctx, password, hash)
	if err != nil {
		return User{}, err
	}
	newHash := ""
	if !same {
		if newHash, err = s.hasher.hash(ctx, password); err != nil {
			return User{}, err
		}
	}
	if same && u.Super && u.IsAdmin() {
		return u, nil
	}
	return s.store.MakeSuper(ctx, u.ID, newHash, s.now())
}

// CleanUp removes the sessions that have ended and says how many. Old tokens and
// requests of password resets go with them.
func (s *Service) CleanUp(ctx context.Context) (int, error) {
	if _, err := s.store.DeleteOldResets(ctx, s.now().Add(-resetsKept)); err != nil {
		return 0, err
	}
	return s.store.DeleteSessions(ctx, s.now(), s.now().Add(-s.idle))
}
