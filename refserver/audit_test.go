package main

import (
	"bytes"
	"database/sql"
	"strings"
	"testing"
)

func TestTheAuditOfAShopIsVerifiedByACommand(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"DATA_DIR=" + dir, "PORT=0"}
	if err := Run(t.Context(), []string{"migrate"}, environ, &bytes.Buffer{}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+dir+"/returnkit.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	verify := func() (string, error) {
		var out bytes.Buffer
		err := Run(t.Context(), []string{"audit", "verify"}, environ, &out, &bytes.Buffer{})
		return out.String(), err
	}
	if out, err := verify(); err != nil || !strings.Contains(out, "The audit is complete and unchanged.") {
		t.Errorf("%q, %v", out, err)
	}
	insert := "INSERT INTO rk_audit_entries VALUES ('2026-01-01', 1, 0, 'account.role_changed', " +
		"'', '', '', '', '', '', '', '', '{}', '', 'made up')"
	if _, err := db.ExecContext(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(); err == nil || !strings.Contains(err.Error(), "broken at entry 1 of 2026-01-01") {
		t.Errorf("a made-up entry: %v", err)
	}
}
