package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// accountOf is a store of one account.
type accountOf struct {
	Store

	user User
	hash string
}

func (a accountOf) UserByName(context.Context, string) (User, string, error) {
	return a.user, a.hash, nil
}
func (a accountOf) ResetUser(context.Context, string, time.Time) (User, error) {
	return a.user, nil
}
func (accountOf) UseReset(context.Context, string, User, string, time.Time) error { return nil }

// judging returns a service that judges passwords, with four registrations an hour for each address.
func judging(t *testing.T, store Store) *Service {
	t.Helper()
	s, err := New(Config{Store: store, Secret: make([]byte, 16), WeakHashes: true, MinStrength: 3,
		RegistrationsPerHour: 4})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill takes all places of the line, and returns how to leave one.
func (l *line) fill(t *testing.T) (leave func()) {
	t.Helper()
	for range l.size {
		one, err := l.enter(withAddress(t.Context(), "198.51.100.1"))
		if err != nil {
			t.Fatal(err)
		}
		leave = one
	}
	return leave
}

// registerFrom registers an account from an address.
func registerFrom(ctx context.Context, s *Service, address, password string) error {
	_, err := s.Register(event.WithSource(ctx, event.Source{Address: address}),
		Registration{Username: "ada.lovelace", Email: "ada@example.com", Password: password})
	return err
}

// Judging a password took up to half a second before anything was counted, as often as somebody asked.
func TestAPasswordIsJudgedWithinTheShareOfItsAddress(t *testing.T) {
	t.Parallel()
	s := judging(t, &fullStore{})
	for range 3 { // each counts, since judging it takes as long as a hash
		if err := registerFrom(t.Context(), s, "192.0.2.1", "password1"); CodeOf(err) != CodeWeakPassword {
			t.Errorf("a weak password: %v", err)
		}
	}
	if err := registerFrom(t.Context(), s, "192.0.2.1", "turnip lantern gravel sofa"); err != nil {
		t.Fatal(err)
	}
	if err := registerFrom(t.Context(), s, "192.0.2.1", "password1"); CodeOf(err) != CodeTooManyAttempts {
		t.Errorf("judged beyond the share: %v", err)
	}
}

func TestAPasswordIsJudgedAtAPlaceOfTheLine(t *testing.T) {
	t.Parallel()
	ada := User{ID: "1", Username: "ada", Email: "ada@example.com"}
	for _, tc := range []struct {
		name string
		do   func(ctx context.Context, s *Service) error
	}{
		{"of a registration", func(ctx context.Context, s *Service) error {
			return registerFrom(ctx, s, "192.0.2.1", "password1")
		}},
		{"of a reset", func(ctx context.Context, s *Service) error {
			_, err := s.ResetPassword(ctx, "token", "password1")
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := judging(t, accountOf{user: ada})
			s.hasher.line.fill(t)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := tc.do(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with the places taken: %v", err)
			}
		})
	}
}

// The old password is checked at a place that somebody else takes then.
func TestAChangedPasswordIsJudgedAtAPlaceOfTheLine(t *testing.T) {
	t.Parallel()
	ada := User{ID: "1", Username: "ada", Email: "ada@example.com"}
	s := judging(t, &fullStore{})
	hash, err := s.hasher.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	s.store = accountOf{user: ada, hash: hash}
	synctest.Test(t, func(t *testing.T) {
		s.hasher.line = newLine(2, addressWaiting, allWaiting)
		leave := s.hasher.line.fill(t)
		ctx, cancel := context.WithCancel(WithUser(t.Context(), ada))
		go func() {
			err := s.ChangePassword(ctx, "correct horse", "password1", "192.0.2.1")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("with the places taken: %v", err)
			}
		}()
		synctest.Wait()
		go func() {
			if _, err := s.hasher.line.enter(withAddress(t.Context(), "198.51.100.2")); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		leave()
		synctest.Wait()
		cancel()
	})
}

// What reads as letters in many ways took several times what a hash takes. Objects are counted, not time:
// a machine may be busy, and the worst that was looked for makes 13,000 and takes half as long as a hash.
func TestWhatJudgingAPasswordTakesIsBounded(t *testing.T) {
	s := judging(t, accountOf{user: User{ID: "1", Username: "ada", Email: "ada@example.com"}})
	for _, password := range []string{
		"!ts<a7o({|i2@|%477o|5t.$4t+[z1be", // the worst of 32
		"a4@l757{[<e3g63i1!|l1|zs3l$5c$7x%z2a4cx8c(+[<e6g69l1!|lb|7o0s$5t",
		"1!a6ttc6z$1i44(l{t+0ce7slg3|z7z+bts!82t59<{el4|<g$+1%7t[oa45@@bb",
		"%7(7574@71+@$8|99<{705[<3@$!!860%7(7574@71+@$8|99<{705[<3@$!!860",
		strings.Repeat("a4@", 300),
		strings.Repeat("\U0001f600\U0001f601", 300),
	} {
		t.Run(password[:8], func(t *testing.T) {
			allocs := testing.AllocsPerRun(1, func() {
				_, err := s.ResetPassword(t.Context(), "token", password) // nothing of it is kept
				if err != nil && CodeOf(err) != CodeWeakPassword {
					t.Error(err)
				}
			})
			if allocs > 20_000 {
				t.Errorf("it made %.0f objects, want 20,000 at most", allocs)
			}
		})
	}
}

func TestPasswordsThatAreEasyToGuessAreRefusedWhereTheSettingSaysSo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, password string
		want           Code
	}{
		{"a common one", "password1", CodeWeakPassword},
		{"the name", "ada.lovelace", CodeWeakPassword},
		{"a row of keys", "qwertyuiop", CodeWeakPassword},
		{"a short one", "short", CodeInvalid},
		{"a passphrase", "turnip lantern gravel sofa", ""},
		{"a long passphrase", "turnip lantern gravel sofa orchard window marble seventeen kettle drum", ""},
		{"a passphrase of short words", "we go to sea at six in my old tub, so do it by day or not at all", ""},
		{"a passphrase in another script", "репа фонарь гравий диван огород окно мрамор", ""},
		{"made by a password manager", "vQ9#tL2m!xR7pZ4w&kD8sB3nHyJ6fG1cTqWe5uAoIiPlKj0zXvNbMh", ""},
		{"one character 40 times", strings.Repeat("a", 40), CodeWeakPassword},
		{"two characters 40 times", strings.Repeat("ab", 40), CodeWeakPassword},
		{"a word five times", strings.Repeat("password", 5), CodeWeakPassword},
		{"a word with digits, four times", strings.Repeat("password12", 4), CodeWeakPassword},
		{"1024 digits in order", strings.Repeat("1234567890", 102), CodeWeakPassword},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := registerFrom(t.Context(), judging(t, &fullStore{}), "192.0.2.1", tc.password)
			if CodeOf(err) != tc.want || (err != nil && tc.want == "") {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
