package app

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/throttle"
)

// How often feeds are looked for.
const (
	feedsEvery = 2 * time.Second
	fetchEvery = 5 * time.Second
)

// openPartners makes the service that receives product feeds. Products are saved in the
// transaction that notes how far a feed is.
func (s *App) openPartners(store *ordersdb.Store) (err error) {
	if s.refusedKeys, err = throttle.NewKeyed(refusedKeys, maxKeyAddresses); err != nil {
		return err
	}
	s.Partners, err = partner.New(partner.Config{
		DB: s.DB, Operations: s.Progress, Secret: []byte(s.Config.SecretKey),
		Currencies:       s.Config.Currencies(),
		PrivateAddresses: !s.Config.Production(), Zone: s.Config.DefaultTimezone.Location(), Now: s.now,
		Log: observability.Named(s.Log, "partners"),
		Save: func(ctx context.Context, tx bun.IDB, id int64, by event.Stamp, change func(*orders.Product) error) (
			orders.Product, error,
		) {
			return s.Orders.With(store.WithTx(tx)).SaveProduct(ctx, id, by.By, change)
		},
		Saved: s.recordFeed,
	})
	return err
}

// refusedKeys is how many requests without a valid key an address may send: each is recorded, which
// takes a transaction.
var refusedKeys = throttle.Limit{Count: 30, Per: time.Minute, Burst: 30}

// maxKeyAddresses is how many addresses are counted at a time.
const maxKeyAddresses = 1 << 14

// PartnerOf returns the partner whose key it is, or partner.ErrKey. A key that opens nothing is put
// into the audit; an address that sends too many of them gets an error with status 429 instead. Good
// keys pass from everywhere.
func (s *App) PartnerOf(ctx context.Context, key string) (partner.Partner, error) {
	p, err := s.Partners.Authenticate(ctx, key)
	var refused *partner.KeyError
	if !errors.As(err, &refused) {
		return p, err
	}
	d, limitErr := s.refusedKeys.TakeAt(s.now(), auth.AddressKey(event.SourceOf(ctx).Address), 1)
	if limitErr != nil && !errors.Is(limitErr, throttle.ErrFull) {
		return partner.Partner{}, limitErr
	}
	if !d.Allowed {
		tooMany := problem.TooMany("Too many requests without a valid X-API-Key. Wait a minute, then try again.")
		tooMany.Problem.RetryAfter = max(tooMany.Problem.RetryAfter, d.RetryAfter)
		return partner.Partner{}, tooMany
	}
	e := audit.Entry{
		Type: "key.refused", SubjectKind: "partner", SubjectID: refused.PartnerID,
		Details: map[string]string{"reason": refused.Why},
	}
	if refused.Prefix != "" {
		e.Details["prefix"] = refused.Prefix
	}
	if recordErr := s.Audit.Append(ctx, nil, e); recordErr != nil {
		return partner.Partner{}, recordErr
	}
	return partner.Partner{}, err
}

// recordFeed puts the products that a feed created or changed into the audit, but for their
// stock.
func (s *App) recordFeed(ctx context.Context, tx bun.IDB, p partner.Partner, changes []partner.Change) error {
	var entries []audit.Entry
	for _, c := range changes {
		e := audit.Entry{
			Type: "product.changed", ActorID: "partner:" + p.ID, ActorName: p.Name, ActorRole: "partner",
			SubjectKind: "product", SubjectID: strconv.FormatInt(c.Now.ID, 10), SubjectName: c.Now.Name,
		}
		now, err := audit.Fields(c.Now, audit.ProductNoise()...)
		if err != nil {
			return err
		}
		var was map[string]string
		if c.Was.ID == 0 {
			e.Type = "product.created"
		} else if was, err = audit.Fields(c.Was, audit.ProductNoise()...); err != nil {
			return err
		}
		if e.Details = audit.Changes(was, now); len(e.Details) > 0 {
			entries = append(entries, e)
		}
	}
	return s.Audit.Append(ctx, tx, entries...)
}
