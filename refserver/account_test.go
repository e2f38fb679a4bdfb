package main

import (
	"bytes"
	"database/sql"
	"strings"
	"testing"
)

func TestALostSecondFactorIsRemovedByACommand(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"DATA_DIR=" + dir, "PORT=0"}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := Run(t.Context(), args, environ, &out, &bytes.Buffer{})
		return out.String(), err
	}
	if _, err := run("migrate"); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+dir+"/returnkit.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	insert := "INSERT INTO rk_auth_users (id, username, username_key, email, password_hash, role, role_by, " +
		"super, generation, created_at, updated_at, factor_secret, factor_on, factor_step, codes_tried) " +
		"VALUES ('1', 'Root', 'root', 'root@example.com', '', 'admin', '', true, 0, 0, 0, 'of another key', true, 5, 0)"
	if _, err := db.ExecContext(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if out, err := run("account", "remove-second-factor", "root"); err != nil ||
		!strings.Contains(out, "The second factor of Root is removed") {
		t.Fatalf("%q, %v", out, err)
	}
	var on bool
	if err := db.QueryRowContext(t.Context(), "SELECT factor_on FROM rk_auth_users").Scan(&on); err != nil || on {
		t.Errorf("it is still on: %v", err)
	}
	var address string
	if err := db.QueryRowContext(t.Context(), "SELECT address FROM rk_audit_entries "+
		"WHERE type = 'account.second_factor_off' AND subject_name = 'Root'").Scan(&address); err != nil ||
		!strings.HasPrefix(address, "command@") {
		t.Errorf("the audit says %q, %v", address, err)
	}
	if out, err := run("audit", "verify"); err != nil {
		t.Errorf("%q, %v", out, err)
	}
	for name, want := range map[string]string{"root": "has no second factor", "nobody": "there is no account"} {
		if _, err := run("account", "remove-second-factor", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
