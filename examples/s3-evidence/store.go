package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/returnkit/returnkit/returns"
)

// Store is a returns.EvidenceStore in a bucket of S3, or of anything that speaks
// its protocol. Replicas share it as it is: an object is there whole or not at
// all. It is safe for concurrent use.
type Store struct {
	Client *minio.Client
	Bucket string // must exist
	Prefix string // of all keys, such as "evidence/"; may be empty
}

var _ returns.EvidenceStore = Store{}

// Put implements returns.EvidenceStore.
func (s Store) Put(ctx context.Context, p string, data []byte) error {
	key, err := s.key("put", p)
	if err != nil {
		return err
	}
	_, err = s.Client.PutObject(ctx, s.Bucket, key, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectOptions{ContentType: contentType(p)})
	return fail("put", p, err)
}

// Open implements returns.EvidenceStore.
func (s Store) Open(ctx context.Context, p string) (io.ReadCloser, error) {
	key, err := s.key("open", p)
	if err != nil {
		return nil, err
	}
	o, err := s.Client.GetObject(ctx, s.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fail("open", p, err)
	}
	// GetObject asks for nothing before the first read.
	if _, err := o.Stat(); err != nil {
		return nil, fail("open", p, errors.Join(err, o.Close()))
	}
	return o, nil
}

// Delete implements returns.EvidenceStore.
func (s Store) Delete(ctx context.Context, p string) error {
	key, err := s.key("delete", p)
	if err != nil {
		return err
	}
	err = s.Client.RemoveObject(ctx, s.Bucket, key, minio.RemoveObjectOptions{})
	if isMissing(err) {
		return nil
	}
	return fail("delete", p, err)
}

// List implements returns.EvidenceStore: prefix is a folder, "" the whole.
func (s Store) List(ctx context.Context, prefix string, f func(path string) error) error {
	start := s.Prefix
	if folder := strings.TrimSuffix(prefix, "/"); folder != "" {
		key, err := s.key("list", folder)
		if err != nil {
			return err
		}
		start = key + "/" // not 2026/051 for 2026/05
	}
	ctx, cancel := context.WithCancel(ctx) // ends the listing when f has enough
	defer cancel()
	for o := range s.Client.ListObjects(ctx, s.Bucket, minio.ListObjectsOptions{Prefix: start, Recursive: true}) {
		if o.Err != nil {
			return fail("list", prefix, o.Err)
		}
		if err := f(strings.TrimPrefix(o.Key, s.Prefix)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// key is the key of a path, which must be one that names a single object
// whatever the other end makes of it.
func (s Store) key(op, p string) (string, error) {
	if p == "" || p != path.Clean(p) || strings.HasPrefix(p, "/") || p == "." || p == ".." ||
		strings.HasPrefix(p, "../") ||
		strings.ContainsAny(p, "\\\x00") {
		return "", fmt.Errorf(
			"s3 evidence: %s %q: a path is relative, with single slashes, and without . and ..", op, p,
		)
	}
	return s.Prefix + p, nil
}

func contentType(p string) string {
	if strings.HasSuffix(p, ".png") {
		return "image/png"
	}
	return "image/jpeg"
}

// fail says what was attempted, and makes a missing object ErrNotFound.
func fail(op, p string, err error) error {
	switch {
	case err == nil:
		return nil
	case isMissing(err):
		return fmt.Errorf("s3 evidence: %s %s: %w", op, p, returns.ErrNotFound)
	}
	return fmt.Errorf("s3 evidence: %s %s: %w", op, p, err)
}

func isMissing(err error) bool {
	if err == nil {
		return false
	}
	r, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && r.StatusCode == http.StatusNotFound && r.Code != minio.NoSuchBucket
}
