package server_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

var confirmedAt = regexp.MustCompile(`"confirmed":"[0-9]+"`)

// age makes the sessions of the shop look as if the password had been entered
// so long ago.
func (b *bench) age(by time.Duration) {
	b.t.Helper()
	err := b.DB.Tx(b.t.Context(), "test", func(ctx context.Context, tx bun.IDB) error {
		var rows []struct {
			TokenHash string
			Data      []byte
		}
		if err := tx.NewRaw("SELECT token_hash, data FROM rk_auth_sessions").Scan(ctx, &rows); err != nil {
			return err
		}
		for _, r := range rows {
			old := strconv.FormatInt(time.Now().Add(-by).Unix(), 10)
			data := confirmedAt.ReplaceAll(r.Data, []byte(`"confirmed":"`+old+`"`))
			q := tx.NewRaw("UPDATE rk_auth_sessions SET data = ? WHERE token_hash = ?", data, r.TokenHash)
			if _, err := q.Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestRolesAndPayoutsAgainstEvidenceNeedThePasswordAgain(t *testing.T) {
	t.Parallel()
	b := open(t)
	admin, who := b.signIn(), b.customer("ada")
	c := b.approved(b.buy(who, 1))
	r := b.unknown(&c)
	role := url.Values{"user_id": {who.ID}, "role": {"support"}}
	b.age(14 * time.Minute)
	admin.form("/admin/users", role).want(t, http.StatusFound)
	b.age(16 * time.Minute)
	page := admin.form("/admin/users", role, "Referer", b.url+"/admin/users?q=ada").
		want(t, http.StatusForbidden, "REAUTHENTICATE", `name="next" value="/admin/users?q=ada"`)
	if page.header.Get("Location") != "" {
		t.Error("it redirects")
	}
	path := "/api/admin/queue/refunds/" + r.ID + "/resolve"
	admin.json(path, `{"outcome":"paid","reason":"seen"}`).want(t, http.StatusForbidden, `"code":"REAUTHENTICATE"`)
	for _, row := range access.Routes() {
		if !row.StepUp {
			continue
		}
		if status, _ := admin.call(t, row.Pattern); status != http.StatusForbidden {
			t.Errorf("%s: %d", row.Pattern, status)
		}
	}
	confirm := func(password string) answer {
		return admin.form("/account/confirm", url.Values{"password": {password}, "next": {"/admin/users?q=ada"}})
	}
	confirm("wrong").want(t, 400, "That is not your password")
	admin.form("/admin/users", role).want(t, http.StatusForbidden)
	a := confirm("super_admin_92587").want(t, http.StatusFound)
	if to := a.header.Get("Location"); to != "/admin/users?q=ada" {
		t.Errorf("it leads to %s", to)
	}
	admin.form("/admin/users", role).want(t, http.StatusFound)
}

// TestAPasswordThatWasEnteredAgainCountsForItsSession, and not for longer by a clock that was set back.
func TestAPasswordThatWasEnteredAgainCountsForItsSession(t *testing.T) {
	t.Parallel()
	b := open(t)
	here := b.withRole("ann", auth.Admin)
	there, customer := b.signInAs("ann", "correct horse"), b.customer("ada")
	may := func(u browser, status int) {
		t.Helper()
		u.form("/admin/users", url.Values{"user_id": {customer.ID}, "role": {"support"}}).want(t, status)
	}
	b.age(16 * time.Minute)
	here.form("/account/confirm", url.Values{"password": {"correct horse"}, "next": {"/admin/users"}}).
		want(t, http.StatusFound)
	may(here, http.StatusFound)
	may(there, http.StatusForbidden)
	b.age(-time.Hour)
	may(here, http.StatusForbidden)

	b.age(0)
	may(there, http.StatusFound)
	here.form("/account/password", url.Values{
		"old_password": {"correct horse"}, "new_password": {"battery staple"}, "new_password_again": {"battery staple"},
	}).want(t, http.StatusFound)
	may(here, http.StatusFound)
	if to := there.form("/admin/users", nil).header.Get("Location"); to != "/login" {
		t.Errorf("a session from before the new password is sent to %q", to)
	}
}
