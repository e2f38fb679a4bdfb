package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/worker"
)

// RemoveSecondFactor turns the second factor of an account off in the database that
// the settings name, and ends all its sessions. The audit records it. It is for the
// operator of the machine: nobody else can do it for the super admin.
func RemoveSecondFactor(ctx context.Context, c config.Config, username string) (_ auth.User, err error) {
	db, err := openDB(ctx, c)
	if err != nil {
		return auth.User{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkSchema(ctx, db); err != nil {
		return auth.User{}, err
	}
	log := audit.New(db, time.Now, nil)
	store := auth.NewDB(db).Recording(func(ctx context.Context, tx bun.IDB, change auth.Change) error {
		if err := appendAccount(ctx, log, tx, change); err != nil {
			return err
		}
		if m, ok := accountMail(change); ok && c.SendsMail() {
			return mailing.Add(ctx, tx, m, time.Now())
		}
		return nil
	})
	u, _, err := store.UserByName(ctx, username)
	if errors.Is(err, auth.ErrNotFound) {
		return auth.User{}, fmt.Errorf("there is no account %q", username)
	}
	if err != nil {
		return auth.User{}, err
	}
	if !u.Factor {
		return auth.User{}, fmt.Errorf("the account %s has no second factor", u.Username)
	}
	ctx = event.WithSource(ctx, event.Source{Address: "command@" + worker.Host("")})
	return store.TurnFactorOff(ctx, u.ID, "", time.Now())
}
