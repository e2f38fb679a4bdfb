package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

func TestTheDocumentationOfThePermissionsIsCurrent(t *testing.T) {
	written, err := os.ReadFile(filepath.Join("docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != access.Markdown() {
		t.Error("docs/permissions.md is not what the table says; run go generate ./refserver")
	}
}
