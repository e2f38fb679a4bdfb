package auth

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/trustelem/zxcvbn"
)

// strengthPrefix is how many characters of a password are judged: those after them only make it
// stronger. Judging tries each way of reading characters as letters, such as ! as i and 1 as i or l, on
// each part, and so takes the longer the more of them there are: of 64 it took several times as long as
// hashing, of 32 it takes less, and they are enough for four words, or to see that one is repeated.
const strengthPrefix = 32

// hashNew returns the hash of a password that the user wants to have, or what is wrong with it: its
// length (CodeInvalid), or that it is easier to guess than Config.MinStrength (CodeWeakPassword), as
// one is that holds the user's name or address. It is judged at the place of the line that enter
// waits for.
func (s *Service) hashNew(
	ctx context.Context, enter func(context.Context) (func(), error), password, username, email string,
) (string, error) {
	if err := CheckPasswordText(password); err != nil {
		return "", err
	}
	return s.hasher.hashIn(ctx, enter, password, func() error { return s.judge(password, username, email) })
}

// judge returns an error with CodeWeakPassword where the password is too easy to guess.
func (s *Service) judge(password string, known ...string) error {
	if s.minStrength == 0 {
		return nil
	}
	judged := []rune(password)
	judged = judged[:min(len(judged), strengthPrefix)]
	if zxcvbn.PasswordStrength(string(judged), known).Score < s.minStrength {
		return &Error{Code: CodeWeakPassword, Field: "password",
			Message: "That password is easy to guess. Use a longer one, such as four unrelated words"}
	}
	return nil
}

// ChangePassword gives the user of ctx a new password, if old is the one they
// have; a wrong one counts as a failed sign-in. All their sessions end, and the
// one of ctx continues under a new token.
func (s *Service) ChangePassword(ctx context.Context, old, password, address string) error {
	u, err := s.confirm(ctx, old, address)
	if err != nil {
		return err
	}
	if u.Super {
		return superFixed("The super admin's password can't be changed here")
	}
	hash, err := s.hashNew(ctx, s.hasher.line.enter, password, u.Username, u.Email)
	if err != nil {
		return fmt.Errorf("auth: change password: %w", err)
	}
	if u, err = s.store.SetPassword(ctx, u.ID, hash, s.now()); err != nil {
		return err
	}
	if err := s.begin(ctx, u); err != nil {
		return fmt.Errorf("auth: change password of %s: %w", u.Username, err)
	}
	return nil
}

// CheckOwnPassword checks the password of the user of ctx; a wrong one counts as a failed sign-in.
func (s *Service) CheckOwnPassword(ctx context.Context, password, address string) error {
	_, err := s.confirm(ctx, password, address)
	return err
}

// confirm checks the password of the user of ctx.
func (s *Service) confirm(ctx context.Context, password, address string) (User, error) {
	u, ok := FromContext(ctx)
	if !ok {
		return User{}, ErrNotFound
	}
	_, err := s.Verify(ctx, u.Username, password, address)
	if CodeOf(err) == CodeCredentials {
		return User{}, &Error{Code: CodeInvalid, Field: "old_password", Message: "That is not your password"}
	}
	return u, err
}

// DeleteOwn deletes the account of the user of ctx, if the password is theirs.
// Their orders stay. The super admin's can't be deleted (CodeSuperAdmin).
func (s *Service) DeleteOwn(ctx context.Context, password, address string) error {
	u, err := s.confirm(ctx, password, address)
	if err != nil {
		return err
	}
	if _, err := s.store.DeleteUser(ctx, u.ID, s.now()); err != nil {
		return err
	}
	if err := s.sessions.Destroy(ctx); err != nil {
		return err
	}
	stateOf(ctx).set("", User{})
	return nil
}

// Lock locks or unlocks the account of another user; locking ends its sessions.
func (s *Service) Lock(ctx context.Context, by User, id string, locked bool) (User, error) {
	if err := others(by, id, "lock"); err != nil {
		return User{}, err
	}
	return s.store.SetLocked(ctx, id, locked, s.now())
}

// Delete deletes the account of another user. Their orders stay.
func (s *Service) Delete(ctx context.Context, by User, id string) (User, error) {
	if err := others(by, id, "delete"); err != nil {
		return User{}, err
	}
	return s.store.DeleteUser(ctx, id, s.now())
}

// others refuses an admin's action on their own account.
func others(by User, id, verb string) error {
	if uuid.Validate(id) != nil {
		return ErrNotFound
	}
	if by.ID == id {
		return &Error{Code: CodeInvalid, Field: "user_id", Message: "You can't " + verb + " your own account here"}
	}
	return nil
}

// SessionInfo is a session as its owner sees it.
type SessionInfo struct {
	ID      string // names it in EndSession; it opens nothing
	Address string
	Browser string
	Since   time.Time
	SeenAt  time.Time
	Current bool // it is the one of the request
}

// sessionID is the beginning of a token's hash: enough to tell the sessions of
// a user apart.
func sessionID(tokenHash string) string { return tokenHash[:min(16, len(tokenHash))] }

// Sessions returns the sessions of the user, the one used last first. If the user is
// the one of ctx, the current session is marked.
func (s *Service) Sessions(ctx context.Context, userID string) ([]SessionInfo, error) {
	now := s.now()
	list, err := s.store.SessionsOf(ctx, userID, now, now.Add(-s.idle))
	if err != nil {
		return nil, err
	}
	current := currentSession(ctx)
	var infos []SessionInfo
	for _, one := range list {
		_, values, err := textCodec{}.Decode(one.Data)
		if err != nil {
			continue // of another version: the next request with it drops it
		}
		text := func(key string) string { v, _ := values[key].(string); return v }
		since, _ := strconv.ParseInt(text(sinceKey), 10, 64) // 0 where it is of another version
		info := SessionInfo{ID: sessionID(one.TokenHash), Address: text(addressKeyName), Browser: text(browserKey),
			SeenAt: one.SeenAt, Current: one.TokenHash == current}
		if since > 0 {
			info.Since = time.Unix(since, 0).UTC()
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// EndSession ends the session of the user of ctx with the SessionInfo.ID, or
// with "" all but the one of the request.
func (s *Service) EndSession(ctx context.Context, id string) error {
	u, ok := FromContext(ctx)
	if !ok {
		return ErrNotFound
	}
	if id != "" {
		return s.store.EndSession(ctx, u, id)
	}
	return s.store.EndSessions(ctx, u, currentSession(ctx))
}

// EndSessionsOf ends all sessions of a user.
func (s *Service) EndSessionsOf(ctx context.Context, id string) error {
	u, err := s.User(ctx, id)
	if err != nil {
		return err
	}
	return s.store.EndSessions(ctx, u, "")
}

// currentSession is the token hash of the session of ctx, "" where there is none.
func currentSession(ctx context.Context) string {
	st := stateOf(ctx)
	if st == nil {
		return ""
	}
	hash, _ := st.get()
	return hash
}

const (
	// stepUp is how long a password counts as just entered.
	stepUp = 15 * time.Minute
	// clockSlack is how far clocks may differ. What was entered later than that from now was entered
	// before a clock was set back, and does not count for longer because of it.
	clockSlack = time.Minute
)

// Confirmed reports whether the user of ctx entered the password, to sign in or
// to confirm, within the last 15 minutes.
func (s *Service) Confirmed(ctx context.Context) bool {
	at, err := strconv.ParseInt(s.sessions.GetString(ctx, confirmedKey), 10, 64)
	age := s.now().Sub(time.Unix(at, 0))
	return err == nil && age >= -clockSlack && age <= stepUp
}

// Confirm notes that the user of ctx entered the password now, if it is theirs.
func (s *Service) Confirm(ctx context.Context, password, address string) error {
	u, err := s.confirm(ctx, password, address)
	if err != nil {
		return err
	}
	if err := s.record(ctx, nil, changeOf(ChangeConfirmed, u)); err != nil {
		return err
	}
	s.sessions.Put(ctx, confirmedKey, strconv.FormatInt(s.now().Unix(), 10))
	return nil
}
