package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func client(t *testing.T, h http.Handler) *minio.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := minio.New(strings.TrimPrefix(srv.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("id", "secret", ""), Region: "us-east-1", MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func memory(t *testing.T) Store {
	t.Helper()
	s := Store{Client: client(t, gofakes3.New(s3mem.New()).Server()), Bucket: "photos", Prefix: "evidence/"}
	if err := s.Client.MakeBucket(t.Context(), s.Bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheStoreConforms(t *testing.T) {
	returnstest.TestEvidenceStore(t, func(t *testing.T) returns.EvidenceStore { return memory(t) })
}

func TestOthersObjectsAreNotOurs(t *testing.T) {
	s := memory(t)
	for _, prefix := range []string{"other/", "evidence/2026/051/"} {
		other := s
		other.Prefix = prefix
		if err := other.Put(t.Context(), "a.jpg", []byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := s.List(t.Context(), "2026/05", func(p string) error { got = append(got, p); return nil }); err != nil ||
		len(got) != 0 {
		t.Errorf("under 2026/05: %q, %v", got, err)
	}
	if err := s.List(t.Context(), "", func(p string) error { got = append(got, p); return nil }); err != nil ||
		len(got) != 1 ||
		got[0] != "2026/051/a.jpg" {
		t.Errorf("all: %q, %v", got, err)
	}
}

func TestPathsThatMayLeadElsewhereAreRefused(t *testing.T) {
	s := memory(t)
	for _, p := range []string{"", "/a", "../a", "a/../b", "a//b", "a/", ".", `a\b`, "a\x00"} {
		if err := s.Put(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "relative") {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// TestAFailureIsNoMissingPhoto: an answer that says nothing about the photo must
// not read as if there were none.
func TestAFailureIsNoMissingPhoto(t *testing.T) {
	broken := client(
		t,
		http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		),
	)
	for name, s := range map[string]Store{
		"no bucket":    {Client: memory(t).Client, Bucket: "none"},
		"server error": {Client: broken, Bucket: "photos"},
	} {
		if err := s.Put(t.Context(), "a.jpg", []byte("a")); err == nil {
			t.Errorf("%s: put took it", name)
		}
		if err := s.List(t.Context(), "", func(string) error { return nil }); err == nil ||
			errors.Is(err, returns.ErrNotFound) {
			t.Errorf("%s: list: %v", name, err)
		}
		if name == "server error" {
			if _, err := s.Open(t.Context(), "a.jpg"); err == nil || errors.Is(err, returns.ErrNotFound) {
				t.Errorf("%s: open: %v", name, err)
			}
		}
	}
}

func TestOutput(t *testing.T) {
	t.Setenv("S3_ENDPOINT", "")
	var out strings.Builder
	if err := run(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	want := "stored:  2026/05/a-broken-key.jpg\nread:    the bytes of a photo\ndeleted: s3 evidence: open " +
		"2026/05/a-broken-key.jpg: not found\n"
	if got := out.String(); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}
