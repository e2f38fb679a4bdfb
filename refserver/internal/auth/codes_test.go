package auth_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// factored is an account whose second factor is on.
type factored struct {
	*accounts
	db       *sqlstore.DB
	key      string
	recovery []string
}

func newFactored(t *testing.T, db *sqlstore.DB) *factored {
	t.Helper()
	f := &factored{accounts: newAccounts(t, db), db: db}
	f.now = f.now.Add(-7 * 24 * time.Hour) // sessions end by the clock of the machine
	f.add(t, "ada", "ada@example.com")
	own := f.request(t, nil, func(ctx context.Context) {
		if _, err := f.SignIn(ctx, "ada", "correct horse", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	})
	f.request(t, own, func(ctx context.Context) {
		setup, err := f.BeginFactor(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.key = setup.Secret
		if f.recovery, err = f.ConfirmFactor(ctx, f.code(t), "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	})
	return f
}

// code is a code that was not used yet.
func (f *factored) code(t *testing.T) string {
	t.Helper()
	f.now = f.now.Add(time.Minute)
	text, err := totp.GenerateCode(f.key, f.now)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// replica is the same shop in another process.
func (f *factored) replica(t *testing.T) *accounts {
	t.Helper()
	other := &accounts{now: f.now}
	var err error
	other.Service, err = auth.New(auth.Config{
		Store: auth.NewDB(f.db).Recording(f.record), Secret: secret, WeakHashes: true, Record: f.record,
		Now: func() time.Time { return other.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// enter signs in with the password and a code at a replica, and returns what it says.
func (f *factored) enter(t *testing.T, at *accounts, password, code string) (err error) {
	t.Helper()
	cookie := at.request(t, nil, func(ctx context.Context) {
		if _, err := at.SignIn(ctx, "ada", password, "192.0.2.1"); auth.CodeOf(err) != auth.CodeSecondFactor {
			t.Errorf("the password: %v", err)
		}
	})
	at.request(t, cookie, func(ctx context.Context) { _, err = at.SignInCode(ctx, code, "192.0.2.1") })
	return err
}

func (f *factored) told() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, line := range f.seen {
		if line == auth.ChangeWrongCodes+" ada" {
			n++
		}
	}
	return n
}

// TestCodesOfADayAreCountedForAllReplicas: each process counted wrong codes for itself and forgot
// them in a quarter of an hour, so that who had a password could go on guessing for ever, and as
// much faster as there were replicas and restarts. Its owner heard nothing of it.
func TestCodesOfADayAreCountedForAllReplicas(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		f := newFactored(t, db)
		right := f.code(t)
		var replicas []*accounts
		for range 12 { // replicas or restarts, which have counted nothing
			replicas = append(replicas, f.replica(t))
		}
		var mu sync.Mutex
		var said []auth.Code
		var guesses sync.WaitGroup
		for _, at := range replicas {
			for range 4 {
				guesses.Go(func() {
					err := f.enter(t, at, "correct horse", "000000")
					mu.Lock()
					defer mu.Unlock()
					said = append(said, auth.CodeOf(err))
				})
			}
		}
		guesses.Wait()
		slices.Sort(said)
		at30, found := slices.BinarySearch(said, auth.CodeTooManyAttempts)
		if !found || at30 != 30 || said[0] != auth.CodeInvalid {
			t.Errorf("48 guesses at 12 replicas: %v", said)
		}
		if n := f.told(); n != 2 {
			t.Errorf("the owner heard of it %d times, want after 5 codes and after the last", n)
		}

		at := f.replica(t)
		err := f.enter(t, at, "correct horse", right)
		if auth.CodeOf(err) != auth.CodeTooManyAttempts || !strings.Contains(err.Error(), "recovery code") {
			t.Errorf("a right code after them: %v", err)
		}
		if err := f.enter(t, at, "correct horse", f.recovery[0]); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		at.now = at.now.Add(-time.Hour)
		if err := f.enter(t, at, "correct horse", right); auth.CodeOf(err) != auth.CodeTooManyAttempts {
			t.Errorf("the clock set back by an hour: %v", err)
		}
	})
}

// TestTheCodesOfADayBeginAnew: with the day, and with the password, which who guessed then has no
// more; and right codes are not counted.
func TestTheCodesOfADayBeginAnew(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		f := newFactored(t, db)
		for range 40 {
			code := f.code(t)
			if err := f.enter(t, f.replica(t), "correct horse", code); err != nil {
				t.Fatal(err)
			}
		}
		usedUp := func(password string) {
			t.Helper()
			at := f.replica(t)
			for range 35 {
				at.now = at.now.Add(16 * time.Minute) // which a process forgets
				if auth.CodeOf(f.enter(t, at, password, "000000")) == auth.CodeTooManyAttempts {
					return
				}
			}
			t.Error("35 wrong codes were taken")
		}
		usedUp("correct horse")
		f.now = f.now.Add(25 * time.Hour)
		code := f.code(t)
		if err := f.enter(t, f.replica(t), "correct horse", code); err != nil {
			t.Errorf("the next day: %v", err)
		}
		for i, change := range []func(password string) error{
			func(password string) error {
				if err := f.RequestReset(t.Context(), "ada@example.com"); err != nil {
					return err
				}
				_, err := f.ResetPassword(t.Context(), f.mailed(t)[0], password)
				return err
			},
			func(password string) error {
				_, err := f.EnsureSuperAdmin(t.Context(), "ada", password, "ada@example.com")
				return err
			},
		} {
			password := "battery staple " + string(rune('a'+i))
			usedUp([]string{"correct horse", "battery staple a"}[i])
			if err := change(password); err != nil {
				t.Fatal(err)
			}
			code := f.code(t)
			if err := f.enter(t, f.replica(t), password, code); err != nil {
				t.Errorf("with a new password: %v", err)
			}
		}
	})
}

// TestAClockThatWasSetBackMakesNoCodeGoodAgain, nor does it give who has entered a password more time
// for the code; and a mail for a new password does not wait for the clock.
func TestAClockThatWasSetBackMakesNoCodeGoodAgain(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		f := newFactored(t, db)
		used := f.code(t)
		then := f.now
		if err := f.enter(t, f.replica(t), "correct horse", used); err != nil {
			t.Fatal(err)
		}
		at := f.replica(t)
		at.now = then.Add(time.Hour)
		later, err := totp.GenerateCode(f.key, at.now)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.enter(t, at, "correct horse", later); err != nil {
			t.Fatal(err)
		}
		at.now = then
		if err := f.enter(t, at, "correct horse", used); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("a used code after the clock was set back: %v", err)
		}

		at.now = then.Add(2 * time.Hour)
		cookie := at.request(t, nil, func(ctx context.Context) {
			_, err := at.SignIn(ctx, "ada", "correct horse", "192.0.2.1")
			if auth.CodeOf(err) != auth.CodeSecondFactor {
				t.Errorf("the password: %v", err)
			}
		})
		for back, want := range map[time.Duration]bool{0: true, time.Minute: true, time.Hour: false} {
			at.now = then.Add(2*time.Hour - back)
			at.request(t, cookie, func(ctx context.Context) {
				if got := at.AwaitsCode(ctx); got != want {
					t.Errorf("the clock set back by %v, a code is awaited: %t", back, got)
				}
			})
		}

		f.now = then.Add(2 * time.Hour)
		if err := f.RequestReset(t.Context(), "ada@example.com"); err != nil {
			t.Fatal(err)
		}
		f.now = then.Add(time.Hour)
		if n := len(f.mailed(t)); n != 1 {
			t.Errorf("an hour back, %d mails for a new password", n)
		}
	})
}
