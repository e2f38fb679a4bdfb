package auth_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newStore(t *testing.T, db *sqlstore.DB) auth.Store {
	t.Helper()
	sqlstoretest.Migrated(t, db, auth.Migrations())
	return auth.NewDB(db)
}

// eachStore runs the test on every implementation of auth.Store.
func eachStore(t *testing.T, fn func(t *testing.T, s auth.Store)) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) { fn(t, newStore(t, db)) })
}

func addUser(t *testing.T, s auth.Store, name string) auth.User {
	t.Helper()
	u := auth.User{
		ID:        uuid.Must(uuid.NewV7()).String(),
		Username:  name,
		Email:     name + "@example.com",
		Role:      auth.Customer,
		CreatedAt: start,
	}
	if err := s.CreateUser(t.Context(), u, "hash of "+name); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUsersAreStored(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx := t.Context()
		u := addUser(t, s, "Ada.L")
		if got, err := s.User(ctx, u.ID); err != nil || got != u {
			t.Errorf("User = %+v, %v; want %+v", got, err, u)
		}
		if got, hash, err := s.UserByName(ctx, "aDA.l"); err != nil || got != u || hash != "hash of Ada.L" {
			t.Errorf("UserByName in another case = %+v, %q, %v", got, hash, err)
		}
		if _, err := s.User(ctx, "none"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("User of no id: %v, want ErrNotFound", err)
		}
		if _, _, err := s.UserByName(ctx, "none"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("UserByName of no name: %v, want ErrNotFound", err)
		}
		err := s.CreateUser(ctx, auth.User{ID: "2", Username: "ADA.L", Role: auth.Customer, CreatedAt: start}, "x")
		if auth.CodeOf(err) != auth.CodeUsernameTaken {
			t.Errorf("the name in another case: %v, want %s", err, auth.CodeUsernameTaken)
		}
		m, err := s.UsersByID(ctx, []string{u.ID, "none"})
		if err != nil || len(m) != 1 || m[u.ID] != u {
			t.Errorf("UsersByID = %v, %v", m, err)
		}
	})
}

func TestUsersAreListedByName(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		for _, n := range []string{"carol", "Bob", "a_b", "axb"} {
			addUser(t, s, n)
		}
		for _, tc := range []struct {
			q     auth.UserQuery
			want  string
			total int
		}{
			{auth.UserQuery{}, "[a_b axb Bob carol]", 4},
			{auth.UserQuery{Page: 2, PageSize: 3}, "[carol]", 4},
			{auth.UserQuery{Text: "A_B"}, "[a_b]", 1},
			{auth.UserQuery{Text: "BOB@"}, "[Bob]", 1},
			{auth.UserQuery{Text: "%"}, "[]", 0},
			{auth.UserQuery{Text: "x\x00\xff"}, "[a_b axb Bob carol]", 4}, // example.com
			{auth.UserQuery{Text: "' OR 1=1 --"}, "[]", 0},
		} {
			users, n, err := s.Users(t.Context(), tc.q)
			names := []string{}
			for _, u := range users {
				names = append(names, u.Username)
			}
			if err != nil || fmt.Sprint(names) != tc.want || n != tc.total {
				t.Errorf("Users(%+v) = %v of %d, %v; want %s of %d", tc.q, names, n, err, tc.want, tc.total)
			}
		}
	})
}

func TestTheSuperAdminIsOneAndKeepsTheRole(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx := t.Context()
		a, b := addUser(t, s, "first"), addUser(t, s, "second")
		if _, err := s.MakeSuper(ctx, a.ID, "", start); err != nil {
			t.Fatal(err)
		}
		got, err := s.MakeSuper(ctx, b.ID, "new hash", start)
		if err != nil || !got.Super || got.Role != auth.Admin {
			t.Fatalf("MakeSuper = %+v, %v", got, err)
		}
		if _, hash, _ := s.UserByName(ctx, "second"); hash != "new hash" {
			t.Errorf("hash %q", hash)
		}
		if u, hash, _ := s.UserByName(ctx, "first"); u.Super || u.Role != auth.Admin || hash != "hash of first" {
			t.Errorf("the one before is %+v with %q, want an admin like others", u, hash)
		}
		if _, err := s.SetRole(ctx, "admin", b.ID, auth.Customer, start); auth.CodeOf(err) != auth.CodeSuperAdmin {
			t.Errorf("demoting the super admin: %v", err)
		}
		if u, err := s.SetRole(ctx, "admin", a.ID, auth.Customer, start); err != nil || u.Role != auth.Customer {
			t.Errorf("demoting an admin: %+v, %v", u, err)
		}
		if _, err := s.SetRole(ctx, "admin", "none", auth.Admin, start); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("role of nobody: %v", err)
		}
		if _, err := s.MakeSuper(ctx, "none", "", start); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("super of nobody: %v", err)
		}
		if u, _ := s.User(ctx, b.ID); !u.Super {
			t.Error("a refused change took the super admin away")
		}
	})
}

func TestSessionsAreFoundUntilTheyEnd(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx := t.Context()
		u := addUser(t, s, "ada")
		want := auth.Session{
			TokenHash: "h1",
			UserID:    u.ID,
			Data:      []byte("a\x00'\xff\\"),
			ExpiresAt: start.Add(time.Hour),
			SeenAt:    start,
		}
		if err := s.InsertSession(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, gu, found, err := s.Session(ctx, "h1", start, start.Add(-time.Minute))
		if err != nil || !found || fmt.Sprint(got) != fmt.Sprint(want) || gu != u {
			t.Fatalf("Session = %v, %v, %v, %v; want %v, %v", got, gu, found, err, want, u)
		}
		for name, at := range map[string][2]time.Time{
			"expired": {start.Add(time.Hour), start.Add(-time.Minute)},
			"idle":    {start, start},
		} {
			if _, _, found, err := s.Session(ctx, "h1", at[0], at[1]); found || err != nil {
				t.Errorf("%s: found %v, %v", name, found, err)
			}
		}
		if _, _, found, err := s.Session(ctx, "h2", start, start.Add(-time.Minute)); found || err != nil {
			t.Errorf("another token: found %v, %v", found, err)
		}

		if err := s.TouchSession(ctx, "h1", start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := s.TouchSession(ctx, "h1", start.Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, _, _, _ := s.Session(ctx, "h1", start, start); !got.SeenAt.Equal(start.Add(time.Minute)) {
			t.Errorf("seen at %v: a touch never goes back", got.SeenAt)
		}

		if _, err := s.SetRole(ctx, "admin", u.ID, auth.Admin, start); err != nil {
			t.Fatal(err)
		}
		if _, gu, _, _ := s.Session(ctx, "h1", start, start); gu.Role != auth.Admin {
			t.Error("the role of a session is not the user's role of now")
		}
	})
}

func TestASessionThatWasDeletedStaysDeleted(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx := t.Context()
		row := auth.Session{TokenHash: "h", Data: []byte("1"), ExpiresAt: start.Add(time.Hour), SeenAt: start}
		if err := s.InsertSession(ctx, row); err != nil {
			t.Fatal(err)
		}
		row.Data = []byte("2")
		if err := s.UpdateSession(ctx, row); err != nil {
			t.Fatal(err)
		}
		if got, _, found, _ := s.Session(ctx, "h", start, start.Add(-1*time.Second)); !found ||
			string(got.Data) != "2" {
			t.Fatalf("after an update: %q, %v", got.Data, found)
		}
		for range 2 { // the second finds nothing to delete
			if err := s.DeleteSession(ctx, "h"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.UpdateSession(ctx, row); err != nil {
			t.Fatal(err)
		}
		if err := s.TouchSession(ctx, "h", start.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, _, found, _ := s.Session(ctx, "h", start, start.Add(-time.Second)); found {
			t.Error("an update brought a deleted session back")
		}
	})
}

func TestEndedSessionsAreCleanedUp(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx := t.Context()
		for name, times := range map[string][2]time.Duration{
			"live": {time.Hour, 0}, "expired": {0, 0}, "idle": {time.Hour, -time.Hour},
		} {
			if err := s.InsertSession(ctx, auth.Session{
				TokenHash: name, ExpiresAt: start.Add(times[0]), SeenAt: start.Add(times[1]),
			}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.DeleteSessions(ctx, start, start.Add(-time.Hour)); n != 2 || err != nil {
			t.Errorf("DeleteSessions = %d, %v; want 2", n, err)
		}
		if _, _, found, _ := s.Session(ctx, "live", start, start.Add(-time.Hour)); !found {
			t.Error("the live session is gone")
		}
	})
}

func TestANewPasswordEndsTheSuperAdminsSessions(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		ctx := t.Context()
		u := addUser(t, s, "boss")
		row := auth.Session{TokenHash: "h", UserID: u.ID, ExpiresAt: start.Add(time.Hour), SeenAt: start}
		for hash, stays := range map[string]bool{"": true, "new": false} {
			row.Generation = u.Generation
			err := s.InsertSession(ctx, row)
			if err == nil {
				u, err = s.MakeSuper(ctx, u.ID, hash, start)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, _, found, _ := s.Session(ctx, "h", start, start.Add(-time.Second)); found != stays {
				t.Errorf("with hash %q the session is there: %v", hash, found)
			}
		}
	})
}

func TestOfManyWithOneNameOneIsMade(t *testing.T) {
	eachStore(t, func(t *testing.T, s auth.Store) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for i := range 8 {
			wg.Go(func() {
				err := s.CreateUser(
					context.WithoutCancel(t.Context()),
					auth.User{ID: fmt.Sprint(i), Username: "same", Role: auth.Customer, CreatedAt: start},
					"x",
				)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if auth.CodeOf(err) != auth.CodeUsernameTaken {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made != 1 {
			t.Errorf("%d users of one name", made)
		}
	})
}
