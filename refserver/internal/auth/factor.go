package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/returnkit/returnkit/refserver/internal/seal"
)

// Values of second factors (https://www.rfc-editor.org/rfc/rfc6238).
const (
	factorIssuer  = "returnkit shop"
	factorPeriod  = 30 // seconds of a code
	factorSkew    = 1  // periods before and after that are taken too
	recoveryCodes = 10
	pendingFor    = 10 * time.Minute // between password and code

	// codesPerDay is how many codes of an account may be wrong in a day (codeDay), however many
	// replicas are asked: three are right at a time, so that somebody who has the password guesses
	// one within a year with a probability of 3 %. Its owner hears of codesTold, and of the last.
	codesPerDay = 30
	codesTold   = 5
	codeDay     = 24 * time.Hour
)

// FactorSetup is a second factor that is not on yet.
type FactorSetup struct {
	Secret string // to type into an app
	URL    string // the same as an otpauth address, for a QR code
	Key    *otp.Key
}

// BeginFactor makes a second factor for the user of ctx; ConfirmFactor turns it on.
func (s *Service) BeginFactor(ctx context.Context) (FactorSetup, error) {
	u, ok := FromContext(ctx)
	if !ok {
		return FactorSetup{}, ErrNotFound
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: factorIssuer, AccountName: u.Username, Period: factorPeriod})
	if err != nil {
		return FactorSetup{}, fmt.Errorf("auth: second factor: %w", err)
	}
	sealed, err := s.seal(key.Secret())
	if err != nil {
		return FactorSetup{}, err
	}
	if _, err := s.store.SetFactorSecret(ctx, u.ID, sealed, s.now()); err != nil {
		return FactorSetup{}, err
	}
	return FactorSetup{Secret: key.Secret(), URL: key.URL(), Key: key}, nil
}

// ConfirmFactor turns the second factor of the user of ctx on, if the code is
// of it, and returns the recovery codes, which are shown this once. All other
// sessions of the user end: they were begun without it.
func (s *Service) ConfirmFactor(ctx context.Context, code, address string) ([]string, error) {
	u, ok := FromContext(ctx)
	if !ok {
		return nil, ErrNotFound
	}
	if err := s.checkCode(ctx, u, code, address); err != nil {
		return nil, err
	}
	codes, hashes := make([]string, recoveryCodes), make([]string, recoveryCodes)
	for i := range codes {
		text := strings.ToLower(rand.Text()[:16])
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		hashes[i] = s.recoveryHash(u, codes[i])
	}
	if _, err := s.store.TurnFactorOn(ctx, u.ID, currentSession(ctx), hashes, s.now()); err != nil {
		return nil, err
	}
	return codes, nil
}

// RemoveFactor turns the second factor of the user of ctx off, if the password
// is theirs. All their other sessions end.
func (s *Service) RemoveFactor(ctx context.Context, password, address string) error {
	u, err := s.confirm(ctx, password, address)
	if err != nil {
		return err
	}
	_, err = s.store.TurnFactorOff(ctx, u.ID, currentSession(ctx), s.now())
	return err
}

// RemoveFactorOf turns the second factor of another user off, who has lost it,
// and ends all their sessions. The super admin's stays (CodeSuperAdmin).
func (s *Service) RemoveFactorOf(ctx context.Context, by User, id string) (User, error) {
	if err := others(by, id, "remove the second factor of"); err != nil {
		return User{}, err
	}
	u, err := s.store.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	if u.Super {
		return User{}, superFixed("The super admin's second factor can't be removed here")
	}
	return s.store.TurnFactorOff(ctx, id, "", s.now())
}

// beginCode notes in the session of ctx that the user has entered the right password,
// and returns CodeSecondFactor.
func (s *Service) beginCode(ctx context.Context, u User) error {
	if err := s.sessions.Clear(ctx); err != nil {
		return fmt.Errorf("auth: sign in %s: %w", u.Username, err)
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("auth: sign in %s: %w", u.Username, err)
	}
	stateOf(ctx).set("", User{})
	s.sessions.Put(ctx, pendingKey, u.ID)
	s.sessions.Put(ctx, pendingAtKey, strconv.FormatInt(s.now().Unix(), 10))
	s.sessions.Put(ctx, pendingOfKey, strconv.FormatInt(u.Generation, 10))
	return &Error{Code: CodeSecondFactor, Message: "Enter the code of your second factor"}
}

// AwaitsCode reports whether the session of ctx waits for a code: the right password
// has been entered.
func (s *Service) AwaitsCode(ctx context.Context) bool {
	at, err := strconv.ParseInt(s.sessions.GetString(ctx, pendingAtKey), 10, 64)
	age := s.now().Sub(time.Unix(at, 0))
	return err == nil && s.sessions.GetString(ctx, pendingKey) != "" && age >= -clockSlack && age <= pendingFor
}

// SignInCode ends a sign-in that SignIn answered with CodeSecondFactor: the code
// is one of the second factor or a recovery code, and each works once. Wrong
// ones are counted as wrong passwords are.
func (s *Service) SignInCode(ctx context.Context, code, address string) (User, error) {
	if !s.AwaitsCode(ctx) {
		return User{}, &Error{Code: CodeCredentials, Message: "Sign in with your password first"}
	}
	u, err := s.User(ctx, s.sessions.GetString(ctx, pendingKey))
	if err != nil {
		return User{}, err
	}
	if u.Locked || u.Deleted || !u.Factor ||
		s.sessions.GetString(ctx, pendingOfKey) != strconv.FormatInt(u.Generation, 10) {
		return User{}, &Error{Code: CodeCredentials, Message: "Sign in with your password first"}
	}
	if err := s.checkCode(ctx, u, code, address); err != nil {
		return User{}, err
	}
	if err := s.record(ctx, nil, changeOf(ChangeSignedIn, u, "second factor", "yes")); err != nil {
		return User{}, fmt.Errorf("auth: sign in %s: %w", u.Username, err)
	}
	if err := s.begin(ctx, u); err != nil {
		return User{}, fmt.Errorf("auth: sign in %s: %w", u.Username, err)
	}
	return u, nil
}

// checkCode checks a code of the user, and uses it up.
func (s *Service) checkCode(ctx context.Context, u User, code, address string) error {
	// For the account alone: somebody who has the password must not have more guesses
	// from more addresses.
	done, err := s.attempts.enter(ctx, "code "+u.ID)
	if err != nil {
		return err
	}
	failed := false
	defer func() { done(failed) }()
	if err := s.slowdown.wait(ctx, "code "+u.ID); err != nil {
		return fmt.Errorf("auth: second factor: %w", err)
	}
	code = strings.ToLower(strings.Join(strings.Fields(code), ""))
	right, count := false, 0
	if len(code) == int(otp.DigitsSix) {
		if count, err = s.tryCode(ctx, u); err != nil {
			return err
		}
		right, err = s.checkTOTP(ctx, u, code)
	} else if u.Factor && code != "" {
		// It has too many bits to be guessed, and so is the way in when the day's codes are used up.
		right, err = s.store.UseRecoveryCode(ctx, u, s.recoveryHash(u, code))
	}
	if err != nil || right {
		return err
	}
	failed = true
	s.slowdown.failed("code " + u.ID)
	return s.wrongCode(ctx, u, count, address)
}

// tryCode counts a code that is about to be checked, and returns how many of the day it makes. One
// that is being turned on has its secret on the screen: there is nothing to guess.
func (s *Service) tryCode(ctx context.Context, u User) (int, error) {
	if !u.Factor {
		return 0, nil
	}
	now := s.now()
	n, over, err := s.store.TryCode(ctx, u.ID, codesPerDay, now)
	if err == nil && n == 0 {
		err = &Error{Code: CodeTooManyAttempts, RetryAfter: over.Sub(now),
			Message: "Too many wrong codes within a day. Sign in with a recovery code, or reset your password first"}
	}
	return n, err
}

// wrongCode records a wrong code, and that there were so many that the owner has to hear of it. It
// returns what to answer.
func (s *Service) wrongCode(ctx context.Context, u User, count int, address string) error {
	if err := s.record(ctx, nil, changeOf(ChangeSignInFailed, u, "reason", "code", "address", address)); err != nil {
		return err
	}
	if count == codesTold || count == codesPerDay {
		c := changeOf(ChangeWrongCodes, u, "codes", strconv.Itoa(count), "address", address)
		if err := s.record(ctx, nil, c); err != nil {
			return err
		}
	}
	return &Error{
		Code:    CodeInvalid,
		Field:   "code",
		Message: "That code is wrong, or was used before. Wait for the next one",
	}
}

// checkTOTP reports whether the code is of now, and was not used.
func (s *Service) checkTOTP(ctx context.Context, u User, code string) (bool, error) {
	sealed, err := s.store.FactorSecret(ctx, u.ID)
	if err != nil || sealed == "" {
		return false, err
	}
	secret, err := s.unseal(sealed)
	if err != nil {
		s.log.ErrorContext(ctx, "second factor can't be read", "subject_id", u.ID, "error", err)
		return false, factorLost(u)
	}
	now := s.now().Unix() / factorPeriod
	for step := now - factorSkew; step <= now+factorSkew; step++ {
		want, err := totp.GenerateCode(secret, time.Unix(step*factorPeriod, 0))
		if err != nil {
			return false, fmt.Errorf("auth: second factor: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 {
			return s.store.UseFactorStep(ctx, u.ID, step)
		}
	}
	return false, nil
}

// factorLost is what is said to a user whose second factor can't be read.
func factorLost(u User) error {
	e := &Error{Code: CodeFactorLost, Field: "code",
		Message: "The shop can't read your second factor any more. Ask an admin of the shop to remove it"}
	if !u.Factor { // it is not on yet
		e.Message = "The shop can't read your second factor any more. Begin again"
	}
	return e
}

// recoveryHash is what is stored of a recovery code, which has 80 random bits.
func (s *Service) recoveryHash(u User, code string) string {
	m := hmac.New(sha256.New, s.secret)
	m.Write([]byte("recovery " + u.ID + " " + strings.ReplaceAll(code, "-", "")))
	return hex.EncodeToString(m.Sum(nil))
}

// seal encrypts a secret for the database, so that a copy of it makes no codes.
func (s *Service) seal(secret string) (string, error) {
	box, err := s.factorBox()
	if err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(box.Seal("", []byte(secret))), nil
}

func (s *Service) unseal(sealed string) (string, error) {
	box, err := s.factorBox()
	if err != nil {
		return "", err
	}
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", errFactorDamaged
	}
	secret, err := box.Open("", raw)
	switch {
	case errors.Is(err, seal.ErrDamaged):
		return "", errFactorDamaged
	case err != nil:
		return "", errors.New("auth: the secret of a second factor can't be read: SECRET_KEY is another one; " +
			"remove the second factor with: refserver account remove-second-factor USERNAME")
	}
	return string(secret), nil
}

var errFactorDamaged = errors.New("auth: the secret of a second factor is damaged")

// factorBox seals the secrets of second factors.
func (s *Service) factorBox() (seal.Box, error) {
	m := hmac.New(sha256.New, s.secret)
	m.Write([]byte("second factor"))
	return seal.WithKey(m.Sum(nil))
}
