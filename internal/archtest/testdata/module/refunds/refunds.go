// Package refunds brings a database.
package refunds

import "github.com/uptrace/bun"

// Limit is the most attempts.
const Limit = 3

// DB is the database.
type DB = bun.DB
