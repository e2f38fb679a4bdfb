package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
)

// State says how a delivery stands.
type State string

// The states of a delivery.
const (
	Waiting   State = "waiting"   // not yet sent, or to be sent again
	Delivered State = "delivered" // the receiver answered 2xx
	Dead      State = "dead"      // given up after three days
)

// States are all of them.
func States() []State { return []State{Waiting, Delivered, Dead} }

// Delivery is an event for an endpoint.
type Delivery struct {
	EventID    string
	Type       string
	EventAt    time.Time
	State      State
	Attempts   int
	NextAt     time.Time // of the next attempt; zero: there is none
	LastAt     time.Time // of the last attempt; zero: there was none
	LastStatus int       // 0: there was no answer
	LastAnswer string    // its beginning
	LastError  string
}

func (r deliveryRow) delivery() Delivery {
	d := Delivery{
		EventID: r.EventID, Type: r.Type, EventAt: r.EventAt.Time(), State: Waiting, Attempts: r.Attempts,
		NextAt: r.NextAt.Time(), LastAt: r.LastAt.Time(), LastStatus: r.LastStatus, LastAnswer: r.LastAnswer,
		LastError: r.LastError,
	}
	switch {
	case !r.DeliveredAt.IsZero():
		d.State, d.NextAt = Delivered, time.Time{}
	case !r.DeadAt.IsZero():
		d.State, d.NextAt = Dead, time.Time{}
	}
	return d
}

// Query selects deliveries.
type Query struct {
	State State // empty: all
	Page  int   // 1 is the first; 0 means 1
	Size  int   // 1 to 1000; 0 means 50
}

func (q Query) where(sel *bun.SelectQuery) *bun.SelectQuery {
	switch q.State {
	case Waiting:
		return sel.Where("d.delivered_at IS NULL").Where("d.dead_at IS NULL")
	case Delivered:
		return sel.Where("d.delivered_at IS NOT NULL")
	case Dead:
		return sel.Where("d.dead_at IS NOT NULL")
	}
	return sel
}

// Deliveries returns a page of the deliveries to an endpoint, the newest first; more reports
// whether there are older ones.
func (s *Service) Deliveries(ctx context.Context, id string, q Query) (list []Delivery, more bool, err error) {
	if q.Size < 1 || q.Size > 1000 {
		q.Size = 50
	}
	var rows []deliveryRow
	sel := q.where(s.cfg.DB.Read().NewSelect().Model(&rows).Where("d.endpoint_id = ?", id))
	err = sel.Order("d.created_at DESC", "d.event_id DESC").Limit(int64(q.Size + 1)).
		Offset(paging.Offset(q.Page, q.Size)).Scan(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("webhook: deliveries: %w", err)
	}
	rows, more = paging.More(rows, q.Size)
	for _, r := range rows {
		list = append(list, r.delivery())
	}
	return list, more, nil
}

// Counts returns how many deliveries of each endpoint wait, and how many are dead letters. A test
// that failed is none: nobody sends it again.
func (s *Service) Counts(ctx context.Context) (map[string]map[State]int, error) {
	var rows []struct {
		EndpointID string
		Dead       bool
		N          int
	}
	err := s.cfg.DB.Read().NewSelect().Model((*deliveryRow)(nil)).Column("endpoint_id").
		ColumnExpr("d.dead_at IS NOT NULL AS dead").ColumnExpr("COUNT(*) AS n").
		Where("d.delivered_at IS NULL").Where("d.dead_at IS NULL OR d.type <> ?", TypePing).
		GroupExpr("endpoint_id, d.dead_at IS NOT NULL").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("webhook: counts: %w", err)
	}
	counts := map[string]map[State]int{}
	for _, r := range rows {
		if counts[r.EndpointID] == nil {
			counts[r.EndpointID] = map[State]int{}
		}
		state := Waiting
		if r.Dead {
			state = Dead
		}
		counts[r.EndpointID][state] = r.N
	}
	return counts, nil
}

// Resend has a delivery sent again now, for three days more: a dead letter, or one that was
// delivered.
func (s *Service) Resend(ctx context.Context, id, eventID string) error {
	return s.resend(ctx, id, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Where("event_id = ?", eventID) })
}

// ResendDead has all dead letters of an endpoint sent again; ErrNotFound says that it has none.
func (s *Service) ResendDead(ctx context.Context, id string) error {
	return s.resend(ctx, id, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Where("dead_at IS NOT NULL").Where("type <> ?", TypePing)
	})
}

func (s *Service) resend(ctx context.Context, id string, which func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	err := s.cfg.DB.Tx(ctx, "webhook: resend", func(ctx context.Context, tx bun.IDB) error {
		now := sqldb.At(s.cfg.Now())
		res, err := which(tx.NewUpdate().Model((*deliveryRow)(nil)).Set("created_at = ?", now).
			Set("next_at = ?", now).Set("attempts = 0").Set("lease_until = NULL").Set("lease_token = ''").
			Set("delivered_at = NULL").Set("dead_at = NULL").Where("endpoint_id = ?", id)).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errNothing(err)
		}
		return nil
	})
	s.Wake()
	return unwrapped(err)
}

// errNothing is ErrNotFound where nothing else failed.
func errNothing(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}
