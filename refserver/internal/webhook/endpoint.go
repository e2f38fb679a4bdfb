package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/outbound"
)

// Endpoint is an address that events are sent to.
type Endpoint struct {
	ID          string
	URL         string
	Types       []string // that it gets
	CreatedAt   time.Time
	OldUntil    time.Time // until when the secret before signs too; zero: there is none
	DisabledAt  time.Time // zero: events are sent
	DisabledWhy string    // where the shop disabled it
	Replaying   time.Time // since when events are being sent again; zero: they are not
}

// Enabled reports whether events are sent.
func (e Endpoint) Enabled() bool { return e.DisabledAt.IsZero() }

// Params are what staff enter.
type Params struct {
	URL   string
	Types []string // empty: all
}

const maxURL = 2000

type endpointRow struct {
	bun.BaseModel `bun:"table:?(rk)webhook_endpoints,alias:w"`

	ID           string `bun:",pk"`
	URL          string
	Types        sqldb.JSON[[]string]
	Secret       []byte
	OldSecret    []byte
	OldUntil     sqldb.Time
	CreatedAt    sqldb.Time
	DisabledAt   sqldb.Time
	DisabledWhy  string
	ReplaySince  sqldb.Time
	ReplayBegan  sqldb.Time
	ReplayPlaces sqldb.JSON[map[string]place]
}

// place is how far a replay of a stream is.
type place struct {
	After string `json:"after"`
	Done  bool   `json:"done"`
}

func (r endpointRow) endpoint() Endpoint {
	return Endpoint{
		ID: r.ID, URL: r.URL, Types: r.Types.V, CreatedAt: r.CreatedAt.Time(), OldUntil: r.OldUntil.Time(),
		DisabledAt: r.DisabledAt.Time(), DisabledWhy: r.DisabledWhy, Replaying: r.ReplaySince.Time(),
	}
}

// Check returns an *Invalid for each of the params that cannot be, joined.
func (s *Service) Check(p Params) error {
	_, err := s.check(p)
	return err
}

// check returns the params with their types in order, or the error of Check.
func (s *Service) check(p Params) (Params, error) {
	var wanted []string
	for _, t := range types {
		if len(p.Types) == 0 || slices.Contains(p.Types, t.Name) {
			wanted = append(wanted, t.Name)
		}
	}
	var wrong error
	if i := slices.IndexFunc(p.Types, func(name string) bool { return !known(name) }); i >= 0 {
		wrong = &Invalid{"events", fmt.Sprintf("There is no event %q.", p.Types[i])}
	}
	if err := errors.Join(s.checkURL(p.URL), wrong); err != nil {
		return p, err
	}
	p.Types = wanted
	return p, nil
}

// checkURL returns an *Invalid for an address that events must not be sent to.
func (s *Service) checkURL(address string) error {
	if len(address) > maxURL || !sqldb.Storable(address) {
		return &Invalid{"url", fmt.Sprintf("The address has more than %d characters.", maxURL)}
	}
	u, err := url.Parse(address)
	if err != nil || !outbound.Callable(u) || u.Scheme != "https" && u.Scheme != "http" {
		return &Invalid{"url", "The address must be one such as https://example.com/events."}
	}
	if u.User != nil || u.Fragment != "" {
		return &Invalid{"url", "The address must have no name, password or fragment in it."}
	}
	if s.cfg.PrivateAddresses {
		return nil
	}
	if u.Scheme == "http" {
		return &Invalid{"url", "The address must begin with https://."}
	}
	if outbound.InPrivate(u) {
		return &Invalid{
			"url", "The address leads into a private network. Enter one that can be reached from the internet.",
		}
	}
	return nil
}

// alone keeps events from being fanned out, on any process, until the transaction ends: those
// fanned out before are found by a replay, and those after see what this one changes.
func (s *Service) alone(ctx context.Context, tx bun.IDB) error {
	return s.advisory(ctx, tx, "pg_advisory_xact_lock")
}

// advisoryKey is the number of the lock between fan-outs and changes of endpoints.
const advisoryKey = 7301984421

func (s *Service) advisory(ctx context.Context, tx bun.IDB, function string) error {
	if s.cfg.DB.Dialect() == sqlstore.SQLite {
		return nil // it has one writer at a time
	}
	_, err := tx.NewRaw("SELECT ?(?)", bun.Safe(function), advisoryKey).Exec(ctx)
	return err
}

// Endpoints returns all endpoints, the oldest first.
func (s *Service) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var rows []endpointRow
	if err := s.cfg.DB.Read().NewSelect().Model(&rows).Order("created_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("webhook: list: %w", err)
	}
	out := make([]Endpoint, len(rows))
	for i, r := range rows {
		out[i] = r.endpoint()
	}
	return out, nil
}

// Endpoint returns one, or ErrNotFound.
func (s *Service) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	row := endpointRow{ID: id}
	err := s.cfg.DB.Read().NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Endpoint{}, ErrNotFound
	}
	return row.endpoint(), err
}

// Add makes an endpoint and returns its secret, which is shown once. With a since that is not
// zero, it gets the events from then on; otherwise the events from now on, and events of just
// before that no process has fanned out yet.
func (s *Service) Add(ctx context.Context, p Params, since time.Time) (Endpoint, string, error) {
	p, err := s.check(p)
	if err != nil {
		return Endpoint{}, "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Endpoint{}, "", err
	}
	key := newKey()
	row := endpointRow{
		ID: id.String(), URL: p.URL, Types: sqldb.AsJSON(p.Types), Secret: s.keys.Seal(id.String(), key),
		CreatedAt: sqldb.At(s.cfg.Now()), ReplayPlaces: sqldb.AsJSON(map[string]place{}),
	}
	if !since.IsZero() {
		row.begin(since, s.cfg.Now())
	}
	err = s.cfg.DB.Tx(ctx, "webhook: add endpoint", func(ctx context.Context, tx bun.IDB) error {
		if err := s.alone(ctx, tx); err != nil {
			return err
		}
		n, err := tx.NewSelect().Model((*endpointRow)(nil)).Count(ctx)
		if err != nil {
			return err
		}
		if n >= MaxEndpoints {
			return &Invalid{"url", "There are as many webhooks as there may be. Delete one first."}
		}
		_, err = tx.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
		return err
	})
	return row.endpoint(), secretText(key), unwrapped(err)
}

// unwrapped is an error of what was entered without the operation around it.
func unwrapped(err error) error {
	var invalid *Invalid
	switch {
	case errors.As(err, &invalid):
		return invalid
	case errors.Is(err, ErrNotFound):
		return ErrNotFound
	case errors.Is(err, ErrTwoSecrets):
		return ErrTwoSecrets
	}
	return err
}

// change changes an endpoint under its lock, while no event is fanned out.
func (s *Service) change(ctx context.Context, op, id string, change func(*endpointRow) error) (Endpoint, error) {
	var row endpointRow
	err := s.cfg.DB.Tx(ctx, "webhook: "+op, func(ctx context.Context, tx bun.IDB) error {
		if err := s.alone(ctx, tx); err != nil {
			return err
		}
		row = endpointRow{ID: id}
		err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			err = change(&row)
		}
		if err == nil {
			_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		}
		return err
	})
	return row.endpoint(), unwrapped(err)
}

// Change changes the address and the types of an endpoint. What waits for it is sent to the
// new address.
func (s *Service) Change(ctx context.Context, id string, p Params) (Endpoint, error) {
	p, err := s.check(p)
	if err != nil {
		return Endpoint{}, err
	}
	return s.change(ctx, "change endpoint", id, func(r *endpointRow) error {
		r.URL, r.Types = p.URL, sqldb.AsJSON(p.Types)
		return nil
	})
}

// Disable has nothing sent to an endpoint. What waits for it stays; events that happen
// in the meantime are not kept for it, and Replay brings them.
func (s *Service) Disable(ctx context.Context, id string) (Endpoint, error) {
	return s.disable(ctx, id, "")
}

func (s *Service) disable(ctx context.Context, id, why string) (Endpoint, error) {
	return s.change(ctx, "disable endpoint", id, func(r *endpointRow) error {
		if r.DisabledAt.IsZero() {
			r.DisabledAt, r.DisabledWhy = sqldb.At(s.cfg.Now()), why
		}
		return nil
	})
}

// Enable has events sent again, from now on.
func (s *Service) Enable(ctx context.Context, id string) (Endpoint, error) {
	e, err := s.change(ctx, "enable endpoint", id, func(r *endpointRow) error {
		r.DisabledAt, r.DisabledWhy = sqldb.Time{}, ""
		return nil
	})
	s.Wake()
	return e, err
}

// Rotate gives an endpoint a new secret, which is returned to be shown once. The one before
// signs too for OldSecretSigns. While the secret before that one signs still, only a rotation that
// ends it is executed, and any other is ErrTwoSecrets: a second click or a second person would
// take the secret away that the receiver has.
func (s *Service) Rotate(ctx context.Context, id string, endOld bool) (Endpoint, string, error) {
	key := newKey()
	e, err := s.change(ctx, "rotate secret", id, func(r *endpointRow) error {
		if !endOld && r.OldUntil.Time().After(s.cfg.Now()) {
			return ErrTwoSecrets
		}
		r.OldSecret, r.OldUntil = r.Secret, sqldb.At(s.cfg.Now().Add(OldSecretSigns))
		r.Secret = s.keys.Seal(r.ID, key)
		return nil
	})
	return e, secretText(key), err
}

// Delete removes an endpoint with all that was to be sent to it.
func (s *Service) Delete(ctx context.Context, id string) error {
	err := s.cfg.DB.Tx(ctx, "webhook: delete endpoint", func(ctx context.Context, tx bun.IDB) error {
		if err := s.alone(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*deliveryRow)(nil)).Where("endpoint_id = ?", id).Exec(ctx); err != nil {
			return err
		}
		found, err := sqldb.ChangedOne(tx.NewDelete().Model((*endpointRow)(nil)).Where("id = ?", id).Exec(ctx))
		if err == nil && !found {
			return ErrNotFound
		}
		return err
	})
	return unwrapped(err)
}
