package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ResetQueue accepts mails with a link to reset a password. Whoever sends one asks
// ResetLink for the link.
type ResetQueue interface {
	// QueueReset has the user mailed, once for each request. It is called again for
	// a request that was cut off.
	QueueReset(ctx context.Context, request string, u User) error
}

// Limits of resets of passwords.
const (
	resetLifetime  = time.Hour
	resetsPerHour  = 5  // requests for one address; more are dropped without a word
	requestsOfOne  = 30 // requests in an hour from one address of a network, likewise
	mailsOfRequest = 50 // accounts with the address that are mailed, the oldest first
	resetsKept     = 24 * time.Hour
	resetRetryBase = 30 * time.Second
)

// RequestReset asks for a mail by which the password of the accounts with the
// address can be reset. It does and returns the same whether there are any:
// a worker finds out, see SendResets. Where the network address of ctx has sent many,
// nothing is kept, and the answer is the same.
func (s *Service) RequestReset(ctx context.Context, email string) error {
	email = strings.ToLower(strings.TrimSpace(email))
	if email == "" || len(email) > MaxEmail {
		return nil
	}
	if address := addressOf(ctx); address != "" {
		end, _ := s.requests.take(address)
		if end == nil {
			return nil
		}
		defer end(false)
	}
	return s.store.AddResetRequest(ctx, email, s.now(), resetsPerHour)
}

// SendResets queues the mails of at most limit requests that are due and returns
// how many it took. One that can't be executed is tried again.
func (s *Service) SendResets(ctx context.Context, limit int) (int, error) {
	if s.mailer == nil {
		return 0, nil
	}
	for n := range limit {
		now := s.now()
		q, found, err := s.store.ClaimResetRequest(ctx, now, now.Add(resetRetryBase))
		if err != nil || !found {
			return n, err
		}
		if err := s.queueReset(ctx, q); err != nil {
			return n, fmt.Errorf("auth: password reset: %w", err)
		}
		if err := s.store.FinishResetRequest(ctx, q.ID, s.now()); err != nil {
			return n, err
		}
	}
	return limit, nil
}

// queueReset has each account of the address mailed, to the address as that
// account has it: two that differ in case may be two people.
func (s *Service) queueReset(ctx context.Context, q ResetRequest) error {
	users, err := s.store.UsersByEmail(ctx, q.Email, mailsOfRequest)
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := s.mailer.QueueReset(ctx, q.ID, u); err != nil {
			return err
		}
	}
	return nil
}

// ResetLink makes a link, from the root of the shop, by which the user's password
// can be reset once within an hour. It is for nobody but who reads the user's mail.
func (s *Service) ResetLink(ctx context.Context, u User) (string, error) {
	token := rand.Text() + rand.Text()
	if err := s.store.AddReset(ctx, s.resetHash(token), u, s.now().Add(resetLifetime)); err != nil {
		return "", err
	}
	return "/account/reset?token=" + token, nil
}

// ResetPassword gives the account of a reset token a new password, once, and
// ends its sessions. CodeResetInvalid is a token that was used, is too old, or
// is none.
func (s *Service) ResetPassword(ctx context.Context, token, password string) (User, error) {
	u, err := s.store.ResetUser(ctx, s.resetHash(token), s.now())
	if err != nil {
		return User{}, resetInvalid(err)
	}
	hash, err := s.hashNew(ctx, s.hasher.line.enter, password, u.Username, u.Email)
	if err != nil {
		return User{}, fmt.Errorf("auth: reset password: %w", err)
	}
	if err := s.store.UseReset(ctx, s.resetHash(token), u, hash, s.now()); err != nil {
		return User{}, resetInvalid(err)
	}
	return u, nil
}

func resetInvalid(err error) error {
	if errors.Is(err, ErrNotFound) {
		return &Error{Code: CodeResetInvalid, Message: "This link was used or has expired. Request a new one"}
	}
	return err
}

// resetHash is what is stored of a token: reading the table resets nothing.
func (s *Service) resetHash(token string) string {
	m := hmac.New(sha256.New, s.secret)
	m.Write([]byte("reset " + token))
	return hex.EncodeToString(m.Sum(nil))
}

// SendsMail reports whether passwords can be reset by mail.
func (s *Service) SendsMail() bool { return s.mailer != nil }
