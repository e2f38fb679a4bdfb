package sqlstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestTogetherSendsInOrderWhatReturnsNothing(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		moments(t, db)
		odd := `'); DROP TABLE moments; -- "?" ; \ $1 ☕`
		err := db.Tx(t.Context(), "test", func(ctx context.Context, tx bun.IDB) error {
			return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
				for i := range 3 {
					m := &moment{ID: i, At: sqldb.At(time.Unix(int64(i), 0)), List: sqldb.AsJSON([]string{odd})}
					if _, err := w.NewInsert().Model(m).Returning("NULL").Exec(ctx); err != nil {
						return err
					}
				}
				if _, err := w.NewUpdate().Table("moments").Set("done = ?", true).Where("id = ?",
					1).Exec(ctx); err != nil {
					return err
				}
				if _, err := w.NewDelete().Table("moments").Where("NOT done").Where("id > ?", 1).Exec(ctx); err != nil {
					return err
				}
				_, err := w.ExecContext(ctx, "UPDATE moments SET id = id + ? WHERE id = ?", 10, 1)
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []moment
		if err := db.Reader().NewSelect().Model(&got).Order("id").Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0].ID != 0 || got[0].Done || got[1].ID != 11 || !got[1].Done ||
			got[1].List.V[0] != odd {
			t.Errorf("got %+v", got)
		}
	})
}

func TestTogetherSavesNothingWhenOneFails(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		moments(t, db)
		own := errors.New("own")
		insert := func(ctx context.Context, w bun.IDB, id int) error {
			_, err := w.NewInsert().Model(&moment{ID: id, At: sqldb.At(time.Unix(1, 0))}).Returning("NULL").Exec(ctx)
			return err
		}
		for name, fn := range map[string]func(context.Context, bun.IDB) error{
			"a key twice": func(ctx context.Context, w bun.IDB) error {
				return errors.Join(insert(ctx, w, 1), insert(ctx, w, 1), insert(ctx, w, 2))
			},
			"own": func(ctx context.Context, w bun.IDB) error { return errors.Join(insert(ctx, w, 1), own) },
			"rows": func(ctx context.Context, w bun.IDB) error {
				return errors.Join(insert(ctx, w, 1), w.NewSelect().Model((*moment)(nil)).Column("id").Scan(ctx,
					new([]int)))
			},
			"returning": func(ctx context.Context, w bun.IDB) error {
				_, err := w.NewDelete().Model((*moment)(nil)).Where("TRUE").Returning("id").Exec(ctx, new([]int))
				return err
			},
			"the number": func(ctx context.Context, w bun.IDB) error {
				res, err := w.NewUpdate().Table("moments").Set("id = 1").Where("TRUE").Exec(ctx)
				if err == nil {
					_, err = res.RowsAffected()
				}
				return err
			},
		} {
			err := db.Tx(t.Context(), "test", func(ctx context.Context, tx bun.IDB) error {
				return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error { return fn(ctx, w) })
			})
			if err == nil {
				t.Errorf("%s: it was taken", name)
			}
			if name == "a key twice" {
				if constraint, ok := sqldb.IsUnique(err); !ok || constraint != "moments_pkey" {
					t.Errorf("%s: got %v", name, err)
				}
			}
			if name == "own" && !errors.Is(err, own) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if n, err := db.Reader().NewSelect().Model((*moment)(nil)).Count(t.Context()); err != nil || n != 0 {
			t.Errorf("%d rows were saved (%v)", n, err)
		}
	})
}
