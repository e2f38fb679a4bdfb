package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

func TestEnsureSuperAdminFollowsTheSettings(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		ctx := t.Context()
		first, err := s.auth.EnsureSuperAdmin(ctx, "boss", "first password", "b@example.com")
		if err != nil || !first.Super || !first.IsAdmin() {
			t.Fatalf("EnsureSuperAdmin = %+v, %v", first, err)
		}
		again, err := s.auth.EnsureSuperAdmin(ctx, "Boss", "first password", "b@example.com")
		if err != nil || again.ID != first.ID {
			t.Errorf("again: %+v, %v", again, err)
		}
		b := s.browser(t)
		b.signIn("boss", "first password")
		if _, err := s.auth.EnsureSuperAdmin(ctx, "boss", "second password", "b@example.com"); err != nil {
			t.Fatal(err)
		}
		b.want("/me", 401, "")
		if old, now := b.signIn("boss", "first password"), b.signIn("boss", "second password"); old != 401 ||
			now != 200 {
			t.Errorf("old password %d, new one %d", old, now)
		}
		u := s.register(t, "ada", "correct horse")
		if got, err := s.auth.EnsureSuperAdmin(ctx, "ada", "correct horse", "b@example.com"); err != nil ||
			got.ID != u.ID ||
			!got.Super {
			t.Errorf("another name: %+v, %v", got, err)
		}
		if was, _ := s.auth.UserByName(ctx, "boss"); was.Super || !was.IsAdmin() {
			t.Errorf("the one before is %+v", was)
		}
		if _, err := s.auth.EnsureSuperAdmin(ctx, "x", "correct horse", "b@example.com"); auth.CodeOf(
			err,
		) != auth.CodeInvalid {
			t.Errorf("a bad name: %v", err)
		}
	})
}

func TestReplicasThatStartAtOnceMakeOneSuperAdmin(t *testing.T) {
	eachStore(t, func(t *testing.T, store auth.Store) {
		s := newShop(t, store, false)
		var wg sync.WaitGroup
		ids := make([]string, 4)
		for i := range ids {
			wg.Go(func() {
				u, err := s.auth.EnsureSuperAdmin(
					context.WithoutCancel(t.Context()),
					"boss",
					"boss password",
					"b@example.com",
				)
				if err != nil || !u.Super {
					t.Errorf("%+v, %v", u, err)
				}
				ids[i] = u.ID
			})
		}
		wg.Wait()
		if ids[0] != ids[1] || ids[1] != ids[2] || ids[2] != ids[3] {
			t.Errorf("ids %v", ids)
		}
	})
}

func TestRegistrationsAreRefusedWithTheField(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
	s.register(t, "taken", "correct horse")
	good := auth.Registration{Username: "ada", Email: "ada@example.com", Password: "correct horse"}
	for _, tc := range []struct {
		name  string
		edit  func(*auth.Registration)
		field string
		code  auth.Code
	}{
		{"short name", func(r *auth.Registration) { r.Username = "ab" }, "username", auth.CodeInvalid},
		{
			"long name",
			func(r *auth.Registration) { r.Username = strings.Repeat("a", 65) },
			"username",
			auth.CodeInvalid,
		},
		{"name with a space", func(r *auth.Registration) { r.Username = "a b" }, "username", auth.CodeInvalid},
		{"name with markup", func(r *auth.Registration) { r.Username = "<b>ada" }, "username", auth.CodeInvalid},
		{"name with a newline", func(r *auth.Registration) { r.Username = "ada\n" }, "username", auth.CodeInvalid},
		{"name in other letters", func(r *auth.Registration) { r.Username = "аda" }, "username", auth.CodeInvalid},
		{"an e-mail from right to left", func(r *auth.Registration) { r.Email = "moc.\u202e@example.com" }, "email",
			auth.CodeInvalid},
		{"an e-mail of no width", func(r *auth.Registration) { r.Email = "ada\u200b@example.com" }, "email",
			auth.CodeInvalid},
		{"no e-mail", func(r *auth.Registration) { r.Email = "" }, "email", auth.CodeInvalid},
		{
			"e-mail with a name",
			func(r *auth.Registration) { r.Email = "Ada <ada@example.com>" },
			"email",
			auth.CodeInvalid,
		},
		{
			"long e-mail",
			func(r *auth.Registration) { r.Email = strings.Repeat("a", 250) + "@b.de" },
			"email",
			auth.CodeInvalid,
		},
		{"short password", func(r *auth.Registration) { r.Password = "1234567" }, "password", auth.CodeInvalid},
		{
			"long password",
			func(r *auth.Registration) { r.Password = strings.Repeat("x", 1025) },
			"password",
			auth.CodeInvalid,
		},
		{
			"password that is no text",
			func(r *auth.Registration) { r.Password = "12345678\xff" },
			"password",
			auth.CodeInvalid,
		},
		{"taken name", func(r *auth.Registration) { r.Username = "TAKEN" }, "username", auth.CodeUsernameTaken},
	} {
		r := good
		tc.edit(&r)
		_, err := s.auth.Register(t.Context(), r)
		e, ok := errors.AsType[*auth.Error](err)
		if !ok || e.Field != tc.field || e.Code != tc.code || e.Message == "" ||
			strings.Contains(err.Error(), r.Password) {
			t.Errorf("%s: %v, want %s on %s", tc.name, err, tc.code, tc.field)
		}
	}
	u, err := s.auth.Register(t.Context(), good)
	if err != nil || u.Role != auth.Customer || u.Super {
		t.Errorf("a good one: %+v, %v", u, err)
	}
	long := good
	long.Username, long.Password = "long", strings.Repeat("ü", 1024)
	if _, err := s.auth.Register(t.Context(), long); err != nil {
		t.Errorf("1024 characters: %v", err)
	}
}

func TestNewRefusesWhatCanNotWork(t *testing.T) {
	if _, err := auth.New(auth.Config{Secret: secret}); err == nil {
		t.Error("no store is accepted")
	}
	if _, err := auth.New(auth.Config{Store: auth.NewDB(&sqlstore.DB{}), Secret: []byte("short")}); err == nil {
		t.Error("a short secret is accepted")
	}
}
