package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/event"
)

// The names of the session cookie. Over https it has the prefix that keeps
// other hosts of the domain, and pages without https, from setting it
// (https://www.rfc-editor.org/rfc/rfc6265bis).
const (
	plainCookie  = "session"
	secureCookie = "__Host-session"
)

// CookieName is the name of the session cookie.
func (s *Service) CookieName() string { return s.sessions.Cookie.Name }

// requestState is what one request knows of its session and user. It travels
// in the context, because the session library's store takes tokens alone.
type requestState struct {
	mu      sync.Mutex
	browser string // what the browser says it is, cut
	found   string // hash of the token under which the session was found
	user    User   // zero: nobody is signed in
}

type stateKey struct{}

func stateOf(ctx context.Context) *requestState {
	st, _ := ctx.Value(stateKey{}).(*requestState)
	return st
}

func (st *requestState) get() (found string, u User) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.found, st.user
}

func (st *requestState) set(found string, u User) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.found, st.user = found, u
}

// FromContext returns the user of a request that passed Load, and whether
// somebody is signed in.
func FromContext(ctx context.Context) (User, bool) {
	st := stateOf(ctx)
	if st == nil {
		return User{}, false
	}
	_, u := st.get()
	return u, u.ID != ""
}

// WithUser returns a context in which FromContext finds u, for tests and for
// work done in somebody's name outside of a request.
func WithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, stateKey{}, &requestState{user: u})
}

type callerKey struct{}

// WithCaller returns a context in which CallerOf finds who asks: for requests that no user signs
// in for, such as those with a partner's key.
func WithCaller(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// CallerOf names who a request is counted for: the id of the user who is signed in, or the name that
// WithCaller gave; empty for anybody else. It says nothing of what they may do.
func CallerOf(ctx context.Context) string {
	if u, ok := FromContext(ctx); ok {
		return u.ID
	}
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

func (s *Service) newSessions(c Config) *scs.SessionManager {
	m := scs.New()
	m.Lifetime = c.Lifetime
	// The library's own idle timeout writes on every request, and such a write
	// can bring back a session that was signed out in the meantime. Ours is a column.
	m.IdleTimeout = 0
	m.Codec = textCodec{}
	m.Store = &scsStore{store: c.Store, secret: c.Secret, idle: c.Idle, now: s.now, log: s.log}
	m.Cookie.Name = plainCookie
	if c.SecureCookies {
		m.Cookie.Name = secureCookie
	}
	m.Cookie.Path = "/"
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Secure = c.SecureCookies
	m.Cookie.Persist = true
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		s.log.ErrorContext(r.Context(), "session not available", "error", err)
		if out, ok := w.(*answer); ok {
			defer func() { out.ended = true }()
		}
		if c.OnError != nil {
			c.OnError(w, r, err)
			return
		}
		w.Header().Set("Retry-After", "1")
		http.Error(
			w,
			"The shop can't reach its database at the moment. Please try again.",
			http.StatusServiceUnavailable,
		)
	}
	return m
}

// Load is the middleware that finds the session and its user by the cookie,
// with one query (none where there is no cookie), and saves the session and
// sends the cookie when they have changed. What is below it uses FromContext,
// SignIn, SignOut and flash messages.
func (s *Service) Load(next http.Handler) http.Handler {
	inner := s.sessions.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), stateKey{}, &requestState{browser: clipBrowser(r.UserAgent())})
		inner.ServeHTTP(&answer{ResponseWriter: w}, r.WithContext(ctx))
	})
}

// answer is a response that may be ended: a session is saved when the headers are about to be sent,
// and where that fails the handler continues with its page behind the one that says so.
type answer struct {
	http.ResponseWriter

	ended bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if !a.ended {
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if a.ended {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// begin makes the session of ctx the user's, under a new token: one that
// somebody planted before the sign-in is worth nothing after.
func (s *Service) begin(ctx context.Context, u User) error {
	if err := s.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	st := stateOf(ctx)
	st.set("", u)
	now := strconv.FormatInt(s.now().Unix(), 10)
	for key, value := range map[string]string{
		sinceKey: now, confirmedKey: now, browserKey: st.browser, addressKeyName: event.SourceOf(ctx).Address,
	} {
		s.sessions.Put(ctx, key, value)
	}
	observability.SetUserID(ctx, u.ID)
	return nil
}

// SignOut ends the session of ctx: its row is gone when it returns, so no copy
// of its cookie works any more.
func (s *Service) SignOut(ctx context.Context) error {
	if u, ok := FromContext(ctx); ok {
		if err := s.record(ctx, nil, changeOf(ChangeSignedOut, u)); err != nil {
			return err
		}
	}
	if err := s.sessions.Destroy(ctx); err != nil {
		return err
	}
	stateOf(ctx).set("", User{})
	return nil
}

// What a session holds.
const (
	flashKey       = "flash"
	pendingKey     = "pending" // id of who entered the right password, and no code yet
	pendingAtKey   = "pending_at"
	pendingOfKey   = "pending_of" // the user's generation when the password was right
	sinceKey       = "since"      // when it began, in Unix seconds
	confirmedKey   = "confirmed"  // when the password was entered last, in Unix seconds
	addressKeyName = "address"    // from where it began
	browserKey     = "browser"    // by which browser
)

// clipBrowser is a browser's name of itself as a session keeps it.
func clipBrowser(agent string) string {
	agent = strings.ToValidUTF8(strings.ReplaceAll(agent, "\x00", ""), "")
	runes := []rune(agent)
	return string(runes[:min(len(runes), 200)])
}

// Flash keeps a message for the next page that this browser is shown.
func (s *Service) Flash(ctx context.Context, message string) { s.sessions.Put(ctx, flashKey, message) }

// TakeFlash returns the kept message once, "" when there is none.
func (s *Service) TakeFlash(ctx context.Context) string { return s.sessions.PopString(ctx, flashKey) }

// scsStore is the session library's store on ours. Tokens are 256 random bits;
// what is stored is their keyed hash, so that reading the table opens no session.
type scsStore struct {
	store  SessionStore
	secret []byte
	idle   time.Duration
	now    func() time.Time
	log    *slog.Logger
}

var _ scs.CtxStore = (*scsStore)(nil)

func (t *scsStore) hash(token string) string {
	m := hmac.New(sha256.New, t.secret)
	m.Write([]byte(token))
	return hex.EncodeToString(m.Sum(nil))
}

// FindCtx implements scs.CtxStore, and notes the user for FromContext.
func (t *scsStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	now, h := t.now(), t.hash(token)
	sess, u, found, err := t.store.Session(ctx, h, now, now.Add(-t.idle))
	if err != nil || !found {
		return nil, false, err
	}
	if !readableSession(sess.Data) {
		// Of another version, or damaged: it is nobody's, and its owner signs in.
		t.log.WarnContext(ctx, "session can't be read, it is dropped", "subject_id", u.ID)
		if err := t.store.DeleteSession(ctx, h); err != nil {
			t.log.WarnContext(ctx, "session not dropped", "error", err)
		}
		return nil, false, nil
	}
	if st := stateOf(ctx); st != nil {
		st.set(h, u)
	}
	if u.ID != "" {
		observability.SetUserID(ctx, u.ID) // for the request's log lines
	}
	// Often enough for the idle time to be right within a percent or a minute,
	// rarely enough not to make a write of each read.
	if now.Sub(sess.SeenAt) > min(time.Minute, t.idle/100) {
		if err := t.store.TouchSession(ctx, h, now); err != nil {
			t.log.WarnContext(ctx, "session use not recorded", "error", err)
		}
	}
	return sess.Data, true, nil
}

// CommitCtx implements scs.CtxStore. A session that this request found is only
// updated: if another request signed it out in the meantime, it stays gone.
func (t *scsStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	s := Session{TokenHash: t.hash(token), Data: b, ExpiresAt: expiry, SeenAt: t.now()}
	if st := stateOf(ctx); st != nil {
		found, u := st.get()
		s.UserID, s.Generation = u.ID, u.Generation
		if found == s.TokenHash {
			return t.store.UpdateSession(ctx, s)
		}
	}
	return t.store.InsertSession(ctx, s)
}

// DeleteCtx implements scs.CtxStore.
func (t *scsStore) DeleteCtx(ctx context.Context, token string) error {
	return t.store.DeleteSession(ctx, t.hash(token))
}

// Find implements scs.Store.
func (t *scsStore) Find(token string) ([]byte, bool, error) {
	return t.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (t *scsStore) Commit(token string, b []byte, expiry time.Time) error {
	return t.CommitCtx(context.Background(), token, b, expiry)
}

// Delete implements scs.Store.
func (t *scsStore) Delete(token string) error { return t.DeleteCtx(context.Background(), token) }
