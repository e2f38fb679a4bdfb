package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/approval"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/evidence"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/notice"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refserver/internal/review"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns/returnsdb"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// openDB opens the database that the settings name.
func openDB(ctx context.Context, c config.Config) (*sqlstore.DB, error) {
	named := "DATABASE_URL"
	if c.DatabaseURL == "" {
		named = "DATA_DIR"
		if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
			return nil, c.Unusable(named, err)
		}
	}
	db, err := sqlstore.OpenConfig(ctx, sqlstore.Config{
		URL: string(c.DatabaseURL), MigrationURL: string(c.MigrationURL), File: c.SQLiteFile(),
	})
	if err != nil {
		return nil, c.Unusable(named, err)
	}
	return db, nil
}

// migrate brings the database to this binary's schema, or refuses it untouched.
func migrate(ctx context.Context, db *sqlstore.DB) error {
	if err := checkSchema(ctx, db); err != nil {
		return err
	}
	err := sqlstore.Migrate(
		ctx, db, auth.Migrations(), audit.Migrations(), approval.Migrations(), ordersdb.Migrations(),
		refundsdb.Migrations(), returnsdb.Migrations(), review.Migrations(), idempotency.Migrations(),
		progress.Migrations(), partner.Migrations(), feature.Migrations(), reconcile.Migrations(),
		observabilitydb.Migrations(), mailing.Migrations(), notice.Migrations(), webhook.Migrations(),
		setupMigrations(),
	)
	if err != nil {
		return err
	}
	return recordSchema(ctx, db)
}

// Migrate brings the database that the settings name to the newest version.
func Migrate(ctx context.Context, c config.Config) (err error) {
	db, err := openDB(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return migrate(ctx, db)
}

// openData opens the database and the directory of photos.
func (s *App) openData(ctx context.Context) (err error) {
	if s.DB, err = openDB(ctx, s.Config); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.DB.Close() })
	if s.queryHook != nil {
		s.DB.AddQueryHook(s.queryHook) // while nobody uses it yet
	}
	if err := migrate(ctx, s.DB); err != nil {
		return err
	}
	remade := evidence.OnRemade(func(dir string) {
		s.Log.Error(
			"the directory of photos was gone and has been made again; the photos that were in it are lost",
			"directory", dir,
		)
	})
	if s.Evidence, err = evidence.Open(s.Config.EvidenceDir(), remade); err != nil {
		if s.Config.ReturnsUploadDir != "" {
			return s.Config.Unusable("RETURNS_UPLOAD_DIR", err)
		}
		return s.Config.Unusable("DATA_DIR", err)
	}
	s.onClose(func(context.Context) error { return s.Evidence.Close() })
	if s.Shelf, err = evidence.OpenShelf(s.Config.EvidenceDir(), evidence.ShelfConfig{}); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return s.Shelf.Close() })
	s.Uploads, err = upload.New(upload.Config{
		Temp: s.Evidence.Temp, Photos: s.Config.ReturnsMaxPhotos, Address: throttlehttp.AddressKey(s.proxies),
	})
	return err
}

// checkCurrency refuses to start on data of a currency that the shop does not
// sell in: a product sells in its own only.
func (s *App) checkCurrency(ctx context.Context) error {
	products, err := s.Orders.Products(ctx)
	if err != nil {
		return fmt.Errorf("reading the products: %w", err)
	}
	for _, p := range products {
		if !slices.Contains(s.Config.Currencies(), p.Currency) {
			return s.Config.Unusable("CURRENCY", fmt.Errorf(
				"this shop has products priced in %[1]s, such as %[2]q; set CURRENCY=%[1]s, add %[1]s to "+
					"OTHER_CURRENCIES to sell in both, or start with a database of its own for %[3]s",
				p.Currency,
				p.Name,
				s.Config.Money(),
			))
		}
	}
	return nil
}
