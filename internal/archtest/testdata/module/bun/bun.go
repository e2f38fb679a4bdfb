// Package bun stands for a dependency that a domain package must not have.
package bun

import "net/url"

// DB is named by refunds.
type DB struct{ URL url.URL }
