package returnsdb

import "github.com/uptrace/bun"

// WithTx returns the store in a transaction of the caller's, a bun.Tx or an
// *sql.Tx on the same database: a return, the units it claims and its events
// commit or roll back with the caller's own rows. It batches nothing, retries
// nothing, and reads through the transaction; see sqlstore.DB.WithTx.
func (s *Store) WithTx(tx bun.IConn) *Store { return New(s.db.WithTx(tx)) }
