package auth

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestADamagedRowFailsNoneThatAreReadWithIt: sessions that meet are read by one statement, so that one row that
// can't be read would sign others out too.
func TestADamagedRowFailsNoneThatAreReadWithIt(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		damage string
		nobody bool // bob's session is nobody's then
	}{
		"a generation": {"UPDATE ?(rk)auth_sessions SET generation = 'x' WHERE token_hash = 'bob'", true},
		"data and a time": {
			"UPDATE ?(rk)auth_sessions SET data = 7.5, expires_at = X'00' WHERE token_hash = 'bob'", true,
		},
		"a user's rights":          {"UPDATE ?(rk)auth_users SET super = 'x' WHERE id = 'bob'", true},
		"a user's generation":      {"UPDATE ?(rk)auth_users SET generation = 'x' WHERE id = 'bob'", true},
		"whether a user is locked": {"UPDATE ?(rk)auth_users SET locked_at = 'soon' WHERE id = 'bob'", true},
		"when a user registered":   {"UPDATE ?(rk)auth_users SET created_at = 'once' WHERE id = 'bob'", false},
	} {
		t.Run(name, func(t *testing.T) {
			db := sqlstoretest.SQLite(t)
			sqlstoretest.Migrated(t, db, Migrations())
			store := NewDB(db)
			for _, name := range []string{"ada", "bob"} {
				u := User{ID: name, Username: name, Email: name + "@example.com", Role: Customer, CreatedAt: at}
				if err := store.CreateUser(t.Context(), u, "hash"); err != nil {
					t.Fatal(err)
				}
				s := Session{
					TokenHash: name, UserID: name, Data: []byte("{}"), ExpiresAt: at.Add(time.Hour), SeenAt: at,
				}
				if err := store.InsertSession(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := db.Writer().ExecContext(t.Context(), tc.damage); err != nil {
				t.Fatal(err)
			}
			found, err := store.findSessions(t.Context(), []string{"ada", "bob"})
			if err != nil {
				t.Fatal(err)
			}
			if s := found["ada"]; s.user.ID != "ada" || s.session.UserID != "ada" {
				t.Errorf("ada is read as %+v", s)
			}
			_, u, _, err := store.Session(t.Context(), "bob", at, at.Add(-time.Hour))
			if err != nil || (u.ID == "") != tc.nobody {
				t.Errorf("bob's session is that of %+v, %v", u, err)
			}
		})
	}
}
