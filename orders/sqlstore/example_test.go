package sqlstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
	_ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
)

// A database with a table of one's own beside those of the stores, and a
// transaction that is committed as one.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sqlstore.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	files := fstest.MapFS{"00001_notes.sql": {Data: []byte("CREATE TABLE rk_notes (text TEXT NOT NULL);")}}
	// Those of the stores are ordersdb.Migrations() and its like.
	set := sqlstore.Migrations{Name: "notes", Postgres: files, SQLite: files}
	if err := sqlstore.Migrate(ctx, db, set); err != nil {
		fmt.Println(err)
		return
	}
	err = db.Tx(ctx, "add notes", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewRaw("INSERT INTO ? (text) VALUES (?), (?)", db.Table("notes"), "first", "second").Exec(ctx)
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := db.Reader().NewSelect().TableExpr("?", db.Table("notes")).Count(ctx)
	fmt.Println(n, err)
	// Output: 2 <nil>
}
