package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// request has the service serve one request with the cookie, and returns the cookie after it.
func (a *accounts) request(t *testing.T, cookie *http.Cookie, do func(ctx context.Context)) *http.Cookie {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	a.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { do(r.Context()) })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		cookie = c
	}
	return cookie
}

// signedIn reports whether the cookie is that of somebody who is signed in.
func (a *accounts) signedIn(t *testing.T, cookie *http.Cookie) (is bool) {
	t.Helper()
	a.request(t, cookie, func(ctx context.Context) { _, is = auth.FromContext(ctx) })
	return is
}

// TestASignInThatIsOnItsWayEndsWithAllSessions: a sign-in whose password was checked before all sessions
// ended, and that was saved after, stayed signed in, with the password of before.
func TestASignInThatIsOnItsWayEndsWithAllSessions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(ctx context.Context, s auth.Store, u auth.User) error
	}{
		{"the password is changed", func(ctx context.Context, s auth.Store, u auth.User) error {
			_, err := s.SetPassword(ctx, u.ID, "another", time.Now())
			return err
		}},
		{"the password is reset", func(ctx context.Context, s auth.Store, u auth.User) error {
			if err := s.AddReset(ctx, "token", u, time.Now().Add(time.Hour)); err != nil {
				return err
			}
			return s.UseReset(ctx, "token", u, "another", time.Now())
		}},
		{"the account is locked and unlocked", func(ctx context.Context, s auth.Store, u auth.User) error {
			if _, err := s.SetLocked(ctx, u.ID, true, time.Now()); err != nil {
				return err
			}
			_, err := s.SetLocked(ctx, u.ID, false, time.Now())
			return err
		}},
		{"the account is deleted", func(ctx context.Context, s auth.Store, u auth.User) error {
			_, err := s.DeleteUser(ctx, u.ID, time.Now())
			return err
		}},
		{"a second factor is turned on", func(ctx context.Context, s auth.Store, u auth.User) error {
			if _, err := s.SetFactorSecret(ctx, u.ID, "secret", time.Now()); err != nil {
				return err
			}
			_, err := s.TurnFactorOn(ctx, u.ID, "", []string{"code"}, time.Now())
			return err
		}},
		{"the settings give the super admin another password", func(
			ctx context.Context, s auth.Store, u auth.User,
		) error {
			_, err := s.MakeSuper(ctx, u.ID, "another", time.Now())
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
				a, store := newAccounts(t, db), auth.NewDB(db)
				u := a.add(t, "ada", "ada@example.com")
				late := a.request(t, nil, func(ctx context.Context) {
					if _, err := a.SignIn(ctx, "ada", "correct horse", "192.0.2.1"); err != nil {
						t.Fatal(err)
					}
					if err := tc.end(ctx, store, u); err != nil {
						t.Fatal(err)
					}
				})
				if a.signedIn(t, late) {
					t.Error("the sign-in of before is still worth something")
				}
				if list, err := a.Sessions(t.Context(), u.ID); err != nil || len(list) != 0 {
					t.Errorf("the sessions are %v, %v", list, err)
				}
			})
		})
	}
}

// TestASignInThatAwaitsItsCodeEndsWithThePassword: who knew the old password, and had a code, came in
// after it was changed.
func TestASignInThatAwaitsItsCodeEndsWithThePassword(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		a, store := newAccounts(t, db), auth.NewDB(db)
		u := a.add(t, "ada", "ada@example.com")
		var key string
		own := a.request(t, nil, func(ctx context.Context) {
			if _, err := a.SignIn(ctx, "ada", "correct horse", "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
		})
		code := func() string {
			a.now = a.now.Add(time.Minute) // each works once
			text, err := totp.GenerateCode(key, a.now)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		own = a.request(t, own, func(ctx context.Context) {
			setup, err := a.BeginFactor(ctx)
			if err != nil {
				t.Fatal(err)
			}
			key = setup.Secret
			if _, err := a.ConfirmFactor(ctx, code(), "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
		})
		if !a.signedIn(t, own) {
			t.Error("who turns the second factor on is signed out")
		}
		for _, changed := range []bool{false, true} {
			late := a.request(t, nil, func(ctx context.Context) {
				_, err := a.SignIn(ctx, "ada", "correct horse", "192.0.2.1")
				if auth.CodeOf(err) != auth.CodeSecondFactor {
					t.Fatal(err)
				}
			})
			if changed {
				if _, err := store.SetPassword(t.Context(), u.ID, "another", a.now); err != nil {
					t.Fatal(err)
				}
			}
			late = a.request(t, late, func(ctx context.Context) {
				if _, err := a.SignInCode(ctx, code(), "192.0.2.1"); changed != (err != nil) {
					t.Errorf("with the password changed %v: %v", changed, err)
				}
			})
			if a.signedIn(t, late) == changed {
				t.Errorf("with the password changed %v the sign-in is worth %v", changed, !changed)
			}
		}
	})
}

// TestAResetLinkOfBeforeIsNoUseToTheSuperAdminsAccount: who registered the name first, and had a link
// mailed, could have reset the super admin's password.
func TestAResetLinkOfBeforeIsNoUseToTheSuperAdminsAccount(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		a := newAccounts(t, db)
		a.add(t, "boss", "mallory@example.com")
		if err := a.RequestReset(t.Context(), "mallory@example.com"); err != nil {
			t.Fatal(err)
		}
		token := a.mailed(t)[0]
		if _, err := a.EnsureSuperAdmin(t.Context(), "boss", "the shop's own", "boss@example.com"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.ResetPassword(t.Context(), token, "battery staple"); auth.CodeOf(err) != auth.CodeResetInvalid {
			t.Errorf("the link of before: %v", err)
		}
	})
}

// staff are accounts that give each other roles.
type staff struct {
	*accounts
	t *testing.T
}

func newStaff(t *testing.T, db *sqlstore.DB) staff { return staff{newAccounts(t, db), t} }

// names adds accounts with the names.
func (s staff) names(names ...string) (list []auth.User) {
	s.t.Helper()
	for _, name := range names {
		list = append(list, s.add(s.t, name, name+"@example.com"))
	}
	return list
}

func (s staff) give(by, to auth.User, r auth.Role) {
	s.t.Helper()
	if _, err := s.SetRole(s.t.Context(), by, to.ID, r); err != nil {
		s.t.Fatalf("%s gives %s the role %s: %v", by.Username, to.Username, r, err)
	}
}

func (s staff) want(of, as auth.User) {
	s.t.Helper()
	if id, err := s.CountsAs(s.t.Context(), of.ID); err != nil || id != as.ID {
		s.t.Errorf("%s counts as %s, %v; want %s", of.Username, id, err, as.Username)
	}
}

// TestANewRoleCountsAsWhoGaveIt: an admin who makes an account is no second person by it.
func TestANewRoleCountsAsWhoGaveIt(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := newStaff(t, db)
		all := s.names("adm", "pup", "oth")
		admin, puppet, other := all[0], all[1], all[2]
		s.want(admin, admin)
		s.give(admin, puppet, auth.Admin)
		s.want(puppet, admin)
		s.give(puppet, other, auth.Finance) // in two steps
		s.want(other, admin)
		s.give(puppet, admin, auth.Finance) // in a circle
		s.want(admin, admin)
		s.want(puppet, admin)
		s.now = s.now.Add(roleAge)
		s.want(puppet, puppet)
		s.want(other, other)
	})
}

// TestAccountsThatSomebodyMadeCountAsThemWhateverRolesTheyGiveEachOther: a role that such an account gave
// itself, or had given back by another, counted as its own at once.
func TestAccountsThatSomebodyMadeCountAsThemWhateverRolesTheyGiveEachOther(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		ring []string
	}{
		{"a ring of two", []string{"one", "two"}},
		{"a ring of three", []string{"one", "two", "three"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
				s := newStaff(t, db)
				admin := s.names("adm")[0]
				ring := s.names(tc.ring...)
				for _, u := range ring {
					s.give(admin, u, auth.Admin)
				}
				s.now = s.now.Add(roleAge / 2)
				for i, u := range ring {
					s.give(u, ring[(i+1)%len(ring)], auth.Finance)
				}
				for _, u := range ring {
					s.want(u, admin)
				}
				s.want(admin, admin)
			})
		})
	}
}

func TestNobodyGivesThemselvesARole(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := newStaff(t, db)
		all := s.names("adm", "pup")
		admin, puppet := all[0], all[1]
		s.give(admin, puppet, auth.Admin)
		if _, err := s.SetRole(t.Context(), puppet, puppet.ID, auth.Finance); auth.CodeOf(err) != auth.CodeInvalid {
			t.Errorf("a role of one's own: %v", err)
		}
		s.want(puppet, admin)
		if u, err := s.User(t.Context(), puppet.ID); err != nil || u.Role != auth.Admin {
			t.Errorf("the role is %s, %v", u.Role, err)
		}
	})
}

// An account whose role somebody else gave long ago counts as itself, and gives roles in its own name.
func TestAnAccountOfAgeByAnIndependentPersonCountsAsItself(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := newStaff(t, db)
		all := s.names("owner", "adm", "second", "hired")
		owner, admin, second, hired := all[0], all[1], all[2], all[3]
		s.give(owner, admin, auth.Admin)
		s.give(owner, second, auth.Admin)
		s.want(second, owner)
		s.now = s.now.Add(roleAge)
		for _, u := range []auth.User{admin, second} {
			s.want(u, u)
		}
		s.give(second, hired, auth.Finance)
		s.want(hired, second)
		s.want(admin, admin)
	})
}
