package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

// The code of the document begins here.

// verify returns an error unless a message was signed with the secret within the last five
// minutes. body is the body of the request as it came.
func verify(secret string, header http.Header, body []byte) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return errors.New("the message is too old, or has no time")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for signature := range strings.SplitSeq(header.Get("webhook-signature"), " ") {
		text, isV1 := strings.CutPrefix(signature, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if isV1 && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("no signature fits")
}

// The code of the document ends here.

const documentFile = "../../docs/events.md"

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDocumentListsTheEvents(t *testing.T) {
	var rows []string
	row := regexp.MustCompile("(?m)^\\| `([a-z._]+)` \\| (.+) \\|$")
	for _, row := range row.FindAllStringSubmatch(document(t), -1) {
		rows = append(rows, row[1]+": "+row[2])
	}
	var want []string
	for _, typ := range webhook.Types() {
		want = append(want, typ.Name+": "+typ.What)
	}
	if strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s lists\n%s\nand the code has\n%s", documentFile, strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

// TestTheCodeOfTheDocumentChecksSignatures: it is that of this file, and takes what the shop
// sends and nothing else.
func TestTheCodeOfTheDocumentChecksSignatures(t *testing.T) {
	source, err := os.ReadFile("document_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "// The code of the document begins here.\n\n")
	code, _, _ = strings.Cut(code, "\n// The code of the document ends here.")
	if !strings.Contains(document(t), "```go\n"+code+"```") {
		t.Errorf("%s does not have the code of verify", documentFile)
	}
	each(t, func(t *testing.T, s *shop) {
		r := receive(t, nil)
		w, secret := s.add(r.URL)
		s.run(s.hooks.Run)
		if _, err := s.hooks.Ping(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		testreq.Until(t, "the test arrives", func() bool { return len(r.called()) == 1 })
		got := r.called()[0]
		if err := verify(secret, got.header, got.body); err != nil {
			t.Errorf("what the shop sent: %v", err)
		}
		if verify(secret, got.header, append(got.body, ' ')) == nil {
			t.Error("a body that was changed passes")
		}
		if verify("whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32)), got.header, got.body) == nil {
			t.Error("another secret passes")
		}
		got.header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10))
		if verify(secret, got.header, got.body) == nil {
			t.Error("another time passes")
		}
	})
}
