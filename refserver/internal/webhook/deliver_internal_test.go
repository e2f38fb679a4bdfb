package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// stopsAfter is a transport that ends a context as soon as there is an answer.
type stopsAfter struct {
	http.RoundTripper
	stop func()
}

// RoundTrip implements http.RoundTripper.
func (s stopsAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	defer s.stop()
	return s.RoundTripper.RoundTrip(r)
}

// TestAnEventThatWasTakenIsNotSentAgainWhenTheProcessStops: right after the receiver's answer.
// One that was not taken is left to the next process, as if it had not been tried.
func TestAnEventThatWasTakenIsNotSentAgainWhenTheProcessStops(t *testing.T) {
	for name, tt := range map[string]struct {
		status   int
		state    State
		attempts int
	}{
		"taken":   {http.StatusNoContent, Delivered, 1},
		"refused": {http.StatusServiceUnavailable, Waiting, 0},
	} {
		t.Run(name, func(t *testing.T) {
			sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
				receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(tt.status)
				}))
				t.Cleanup(receiver.Close)
				s, w := withEndpoint(t, db, receiver.URL)
				if _, err := s.Ping(t.Context(), w.ID); err != nil {
					t.Fatal(err)
				}
				rows, err := s.claim(t.Context(), w.ID, 1)
				if err != nil || len(rows) != 1 {
					t.Fatal(len(rows), err)
				}
				ctx, stop := context.WithCancel(t.Context())
				s.client.Transport = stopsAfter{http.DefaultTransport, stop}
				if err := s.deliver(ctx, w, rows[0]); err != nil {
					t.Fatal(err)
				}
				page, _, err := s.Deliveries(t.Context(), w.ID, Query{Page: 1, Size: 10})
				if err != nil || len(page) != 1 || page[0].State != tt.state || page[0].Attempts != tt.attempts {
					t.Errorf("%+v, %v", page, err)
				}
			})
		})
	}
}

// TestAReplayThatFailsKeepsNoOtherFromItsTurn: nor does that of a disabled endpoint, which waits.
func TestAReplayThatFailsKeepsNoOtherFromItsTurn(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s, broken := withEndpoint(t, db, "http://127.0.0.1:1/broken")
		_, disabled := withEndpoint(t, db, "http://127.0.0.1:1/disabled")
		_, fine := withEndpoint(t, db, "http://127.0.0.1:1/fine")
		since := time.Now().Add(-time.Hour)
		for _, w := range []endpointRow{broken, disabled, fine} {
			if _, err := s.Replay(t.Context(), w.ID, since); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Disable(t.Context(), disabled.ID); err != nil {
			t.Fatal(err)
		}
		_, err := s.change(t.Context(), "break", broken.ID, func(r *endpointRow) error {
			for _, stream := range Streams() {
				r.ReplayPlaces.V[stream] = place{After: "no cursor"}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			more, err := s.ReplayDue(t.Context())
			if err != nil || !more {
				if err == nil {
					t.Error("the broken replay is no error when nothing else is left")
				}
				break
			}
		}
		for _, want := range []struct {
			row    endpointRow
			behind bool
		}{{broken, true}, {disabled, true}, {fine, false}} {
			e, err := s.Endpoint(t.Context(), want.row.ID)
			if err != nil || e.Replaying.IsZero() == want.behind {
				t.Errorf("%s replays since %v, %v", want.row.URL, e.Replaying, err)
			}
		}
	})
}

// withEndpoint is a service with an endpoint at the address.
func withEndpoint(t *testing.T, db *sqlstore.DB, url string) (*Service, endpointRow) {
	t.Helper()
	err := sqlstore.Migrate(t.Context(), db, ordersdb.Migrations(), refundsdb.Migrations(), returnsdb.Migrations(),
		Migrations())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{DB: db, Secret: []byte("the secret of the shop"), PrivateAddresses: true})
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := s.Add(t.Context(), Params{URL: url}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	row := endpointRow{ID: e.ID}
	if err := db.Read().NewSelect().Model(&row).WherePK().Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, row
}
