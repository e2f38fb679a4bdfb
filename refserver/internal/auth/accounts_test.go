package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
)

// accounts is a service with a mailbox and a list of what was recorded.
type accounts struct {
	*auth.Service
	box *mail.Outbox
	now time.Time

	mu   sync.Mutex
	seen []string
}

// QueueReset implements auth.ResetQueue: it mails at once.
func (a *accounts) QueueReset(ctx context.Context, _ string, u auth.User) error {
	link, err := a.ResetLink(ctx, u)
	if err != nil {
		return err
	}
	return a.box.Send(ctx, mail.Message{To: u.Email, Text: u.Username + ": " + link})
}

func (a *accounts) record(_ context.Context, _ bun.IDB, c auth.Change) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, c.Type+" "+c.Subject.Username)
	return nil
}

// roleAge is how long a role counts as held by who gave it.
const roleAge = 7 * 24 * time.Hour

func newAccounts(t *testing.T, db *sqlstore.DB) *accounts {
	t.Helper()
	sqlstoretest.Migrated(t, db, auth.Migrations())
	a := &accounts{box: &mail.Outbox{}, now: time.Now()}
	var err error
	a.Service, err = auth.New(auth.Config{
		Store: auth.NewDB(db).Recording(a.record), Secret: secret, WeakHashes: true, Record: a.record,
		Mailer: a, Now: func() time.Time { return a.now }, RoleAge: roleAge,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *accounts) add(t *testing.T, name, email string) auth.User {
	t.Helper()
	u, err := a.Register(t.Context(), auth.Registration{Username: name, Email: email, Password: "correct horse"})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (a *accounts) can(t *testing.T, name, password string) auth.Code {
	t.Helper()
	_, err := a.Verify(t.Context(), name, password, "192.0.2.1")
	if err != nil && auth.CodeOf(err) == "" {
		t.Fatal(err)
	}
	return auth.CodeOf(err)
}

var resetTokens = regexp.MustCompile(`/account/reset\?token=([A-Z2-7]+)`)

// mailed returns the tokens of the newest mail.
func (a *accounts) mailed(t *testing.T) []string {
	t.Helper()
	if _, err := a.SendResets(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	var list []string
	if all := a.box.Messages(); len(all) > 0 {
		for _, m := range resetTokens.FindAllStringSubmatch(all[0].Text, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

func TestAPasswordIsResetByATokenOnceWithinAnHour(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		a := newAccounts(t, db)
		a.add(t, "ada", "Ada@example.com")
		if err := a.RequestReset(t.Context(), "aDA@example.com "); err != nil {
			t.Fatal(err)
		}
		token := a.mailed(t)
		if len(token) != 1 || a.box.Messages()[0].To != "Ada@example.com" {
			t.Fatalf("tokens %v in %v", token, a.box.Messages())
		}
		if _, err := a.ResetPassword(t.Context(), token[0]+"A", "battery staple"); auth.CodeOf(
			err,
		) != auth.CodeResetInvalid {
			t.Errorf("another token: %v", err)
		}
		if _, err := a.ResetPassword(t.Context(), token[0], "short"); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("a short password: %v", err)
		}
		var won, lost int
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range 8 {
			all.Go(func() {
				_, err := a.ResetPassword(t.Context(), token[0], fmt.Sprint("battery staple ", i))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case auth.CodeOf(err) == auth.CodeResetInvalid:
					lost++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won != 1 || lost != 7 {
			t.Errorf("the token worked %d times and failed %d times", won, lost)
		}
		if code := a.can(t, "ada", "correct horse"); code != auth.CodeCredentials {
			t.Errorf("the old password: %q", code)
		}
		if err := a.RequestReset(t.Context(), "ada@example.com"); err != nil {
			t.Fatal(err)
		}
		late := a.mailed(t)
		a.now = a.now.Add(61 * time.Minute)
		if _, err := a.ResetPassword(t.Context(), late[0], "battery staple"); auth.CodeOf(
			err,
		) != auth.CodeResetInvalid {
			t.Errorf("an hour later: %v", err)
		}
	})
}

func TestARequestForAnUnknownAddressMailsNobody(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, sqlstoretest.SQLite(t))
	a.add(t, "ada", "ada@example.com")
	locked := a.add(t, "locked", "locked@example.com")
	if _, err := a.Lock(t.Context(), auth.User{ID: "admin"}, locked.ID, true); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"none@example.com", "locked@example.com", "", "not an address"} {
		if err := a.RequestReset(t.Context(), address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	if got := a.mailed(t); len(got) != 0 {
		t.Errorf("mailed %v", a.box.Messages())
	}
	for range 9 {
		if err := a.RequestReset(t.Context(), "ada@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.SendResets(t.Context(), 100); err != nil || len(a.box.Messages()) != 5 {
		t.Errorf("nine requests in an hour sent %d mails, want 5; %v", len(a.box.Messages()), err)
	}
}

// brokenQueue fails until it is mended.
type brokenQueue struct{ queue auth.ResetQueue }

func (b *brokenQueue) QueueReset(ctx context.Context, request string, u auth.User) error {
	if b.queue == nil {
		return errors.New("the queue is full")
	}
	return b.queue.QueueReset(ctx, request, u)
}

// TestARequestThatCouldNotBeCarriedOutIsLater: however often it failed.
func TestARequestThatCouldNotBeCarriedOutIsLater(t *testing.T) {
	t.Parallel()
	db := sqlstoretest.SQLite(t)
	a := newAccounts(t, db)
	a.add(t, "ada", "ada@example.com")
	broken := &brokenQueue{}
	s, err := auth.New(auth.Config{Store: auth.NewDB(db), Secret: secret, WeakHashes: true, Mailer: broken,
		Now: func() time.Time { return a.now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestReset(t.Context(), "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := s.SendResets(t.Context(), 10); err == nil {
			t.Fatal("a queue that is full is no error")
		}
		a.now = a.now.Add(time.Minute)
	}
	broken.queue = a
	if _, err := s.SendResets(t.Context(), 10); err != nil || len(a.box.Messages()) != 1 {
		t.Errorf("%d mails, %v", len(a.box.Messages()), err)
	}
}

func TestALockedAccountCanNotSignInAndADeletedOneIsGone(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		a := newAccounts(t, db)
		ctx, admin := t.Context(), auth.User{ID: "admin"}
		ada, bob := a.add(t, "ada", "ada@example.com"), a.add(t, "bob", "bob@example.com")
		if u, err := a.Lock(ctx, admin, ada.ID, true); err != nil || !u.Locked {
			t.Fatal(u, err)
		}
		if code := a.can(t, "ada", "correct horse"); code != auth.CodeLocked {
			t.Errorf("locked, right password: %q", code)
		}
		if code := a.can(t, "ada", "wrong horse"); code != auth.CodeCredentials {
			t.Errorf("locked, wrong password: %q", code)
		}
		if _, err := a.Lock(ctx, admin, ada.ID, false); err != nil || a.can(t, "ada", "correct horse") != "" {
			t.Errorf("unlocked: %v", err)
		}
		if _, err := a.Delete(ctx, admin, bob.ID); err != nil {
			t.Fatal(err)
		}
		if code := a.can(t, "bob", "correct horse"); code != auth.CodeCredentials {
			t.Errorf("deleted: %q", code)
		}
		u, err := a.User(ctx, bob.ID)
		if err != nil || !u.Deleted || u.Email != "" || u.Username == "bob" {
			t.Errorf("the row of a deleted account: %+v, %v", u, err)
		}
		if _, err := a.Register(ctx, auth.Registration{Username: u.Username, Email: "x@example.com",
			Password: "correct horse"}); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("registering the name %s: %v", u.Username, err)
		}
		if code := a.can(t, u.Username, ""); code != auth.CodeCredentials {
			t.Errorf("the name of a deleted account: %q", code)
		}
		if _, err := a.SetRole(ctx, admin, bob.ID, auth.Admin); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("a role for a deleted account: %v", err)
		}
		super, err := a.EnsureSuperAdmin(ctx, "root", "correct horse", "root@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Delete(ctx, admin, super.ID); auth.CodeOf(err) != auth.CodeSuperAdmin {
			t.Errorf("deleting the super admin: %v", err)
		}
		if _, err := a.Lock(ctx, admin, super.ID, true); auth.CodeOf(err) != auth.CodeSuperAdmin {
			t.Errorf("locking the super admin: %v", err)
		}
		if _, err := a.Lock(ctx, ada, ada.ID, true); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("locking oneself: %v", err)
		}
	})
}

func TestChangingThePasswordEndsAllOtherSessions(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := newShop(t, newStore(t, db), false)
		s.register(t, "ada", "correct horse")
		here, there := s.browser(t), s.browser(t)
		for _, b := range []*browser{here, there} {
			if b.signIn("ada", "correct horse") != 200 {
				t.Fatal("no sign-in")
			}
		}
		before := here.token()
		change := func(old, password string) int {
			status, _, _ := here.do("POST", "/password", url.Values{"old": {old}, "new": {password}})
			return status
		}
		if got := change("wrong horse", "battery staple"); got != http.StatusBadRequest {
			t.Errorf("with a wrong password: %d", got)
		}
		there.want("/me", 200, "ada")
		if got := change("correct horse", "battery staple"); got != 200 {
			t.Fatalf("the change: %d", got)
		}
		here.want("/me", 200, "ada")
		there.want("/me", 401, "")
		if here.token() == before {
			t.Error("the token stayed the same")
		}
		if there.signIn("ada", "correct horse") != 401 || there.signIn("ada", "battery staple") != 200 {
			t.Error("the old password works, or the new one does not")
		}
		infos, err := s.auth.Sessions(t.Context(), mustUser(t, s, "ada").ID)
		if err != nil || len(infos) != 2 || infos[0].Browser == "" || infos[0].Since.IsZero() {
			t.Errorf("sessions %+v, %v", infos, err)
		}
	})
}

func mustUser(t *testing.T, s *shop, name string) auth.User {
	t.Helper()
	u, err := s.auth.UserByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestEachAccountOfAnAddressGetsAMailOfItsOwn(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		a := newAccounts(t, db)
		a.add(t, "zoe", "Zoe@example.com") // the last one by name
		for i := range 24 {
			a.now = a.now.Add(time.Second)
			a.add(t, fmt.Sprintf("aaa%02d", i), "zoe@example.com")
		}
		locked := a.add(t, "locked", "zoe@example.com")
		if _, err := a.Lock(t.Context(), auth.User{ID: "admin"}, locked.ID, true); err != nil {
			t.Fatal(err)
		}
		if err := a.RequestReset(t.Context(), "zoe@example.com"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.SendResets(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		all := a.box.Messages()
		if len(all) != 25 {
			t.Fatalf("%d mails for 25 accounts", len(all))
		}
		for _, m := range all {
			own := strings.Contains(m.Text, "zoe: ")
			if (m.To == "Zoe@example.com") != own || len(resetTokens.FindAllString(m.Text, -1)) != 1 {
				t.Errorf("to %s: %s", m.To, m.Text)
			}
		}
	})
}

func TestASecondFactorThatCanNotBeReadIsSaidInWords(t *testing.T) {
	t.Parallel()
	db := sqlstoretest.SQLite(t)
	a := newAccounts(t, db)
	u := a.add(t, "ada", "ada@example.com")
	ctx := auth.WithUser(t.Context(), u)
	if _, err := a.BeginFactor(ctx); err != nil {
		t.Fatal(err)
	}
	other, err := auth.New(auth.Config{Store: auth.NewDB(db), Secret: []byte("another key of 16"), WeakHashes: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.ConfirmFactor(ctx, "123456", "192.0.2.1")
	if auth.CodeOf(err) != auth.CodeFactorLost || !strings.Contains(err.Error(), "Begin again") {
		t.Errorf("one that is not on: %v", err)
	}
	if _, err := auth.NewDB(db).TurnFactorOn(ctx, u.ID, "", []string{"code"}, a.now); err != nil {
		t.Fatal(err)
	}
	u.Factor = true
	_, err = other.ConfirmFactor(auth.WithUser(t.Context(), u), "123456", "192.0.2.1")
	if auth.CodeOf(err) != auth.CodeFactorLost || !strings.Contains(err.Error(), "Ask an admin") {
		t.Errorf("one that is on: %v", err)
	}
}
