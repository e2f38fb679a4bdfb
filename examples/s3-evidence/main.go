// Command s3-evidence keeps the photos of returns in S3, so that replicas share
// them without sharing a disk: Store is what returns.Config.Evidence takes, and
// main_test.go holds it to returnstest.TestEvidenceStore.
//
// It talks to a bucket of its own memory, or to yours:
//
//	S3_ENDPOINT=s3.eu-central-1.amazonaws.com S3_BUCKET=photos \
//	  AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... go run .
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	s := Store{Bucket: cmp.Or(os.Getenv("S3_BUCKET"), "photos"), Prefix: "evidence/"}
	endpoint, secure := os.Getenv("S3_ENDPOINT"), true
	if endpoint == "" {
		memory := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true)).Server())
		defer memory.Close()
		endpoint, secure = strings.TrimPrefix(memory.URL, "http://"), false
	}
	var err error
	s.Client, err = minio.New(endpoint, &minio.Options{Secure: secure,
		Creds: credentials.NewStaticV4(
			cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), "memory"), cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), "memory"), "",
		)})
	if err != nil {
		return err
	}
	const photo = "2026/05/a-broken-key.jpg"
	if err := s.Put(ctx, photo, []byte("the bytes of a photo")); err != nil {
		return err
	}
	if err := s.List(
		ctx, "2026/05", func(p string) error { _, err := fmt.Fprintln(out, "stored: ", p); return err },
	); err != nil {
		return err
	}
	body, err := s.Open(ctx, photo)
	if err != nil {
		return err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "read:    %s\n", data)
	if err := s.Delete(ctx, photo); err != nil {
		return err
	}
	_, err = s.Open(ctx, photo)
	fmt.Fprintf(out, "deleted: %v\n", err)
	return nil
}
