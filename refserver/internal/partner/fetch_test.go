package partner_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/partner"
)

func TestAFeedIsFetchedAtATimeOfTheDay(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db) // at 10:00
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/csv")
			_, _ = fmt.Fprint(w, feedOf(1))
		}))
		defer srv.Close()
		_, err := b.Create(t.Context(), partner.Params{Name: "North", FeedURL: srv.URL, Schedule: " 30 12 * * * "})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after   time.Duration
			fetched bool
		}{{0, false}, {2*time.Hour + 29*time.Minute, false}, {time.Minute, true}, {0, false}, {24 * time.Hour, true}} {
			b.now.Add(int64(step.after))
			if more, err := b.FetchDue(t.Context()); more != step.fetched || err != nil {
				t.Errorf("at %s: fetched %v, %v", time.Unix(0, b.now.Load()).UTC(), more, err)
			}
		}
	})
}

func TestAFeedIsFetchedAfterTheClockWasSetBack(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/csv")
			_, _ = fmt.Fprint(w, feedOf(1))
		}))
		defer srv.Close()
		for _, p := range []partner.Params{
			{Name: "North", FeedURL: srv.URL, Schedule: "60"}, {Name: "South", FeedURL: srv.URL, Schedule: "@daily"},
		} {
			if _, err := b.Create(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		fetched := func() (n int) {
			for {
				more, err := b.FetchDue(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !more {
					return n
				}
				n++
			}
		}
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{24 * time.Hour, 2}, {-48 * time.Hour, 2}, {0, 0}, {59 * time.Minute, 0}, {time.Minute, 1}} {
			b.now.Add(int64(step.after))
			if got := fetched(); got != step.want {
				t.Errorf("%s later: %d feeds were fetched, want %d", step.after, got, step.want)
			}
		}
	})
}

func TestAFeedIsFetchedOnSchedule(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		ctx := t.Context()
		answer := http.StatusOK
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer open sesame" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if answer == http.StatusFound {
				http.Redirect(w, r, "/other", answer)
				return
			}
			w.Header().Set("Content-Type", "text/csv")
			w.WriteHeader(answer)
			_, _ = fmt.Fprint(w, feedOf(2))
		}))
		defer srv.Close()
		p, err := b.Create(ctx, partner.Params{Name: "North", FeedURL: srv.URL, Token: "open sesame", Schedule: "60"})
		if err != nil || !p.HasToken {
			t.Fatal(p, err)
		}
		due := func(want bool, when string) {
			t.Helper()
			if more, err := b.FetchDue(ctx); more != want || err != nil {
				t.Errorf("%s: fetched %v, %v", when, more, err)
			}
		}
		lastError := func() string {
			got, err := b.Partner(ctx, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.LastError
		}
		due(true, "at once")
		due(false, "again")
		if more, err := b.WorkDue(ctx); !more || err != nil ||
			b.products() != "Product 0 0 USD 7, Product 1 100 USD 7" {
			t.Errorf("%v %v; the shop has %s", more, err, b.products())
		}
		b.now.Add(int64(time.Hour))
		answer = http.StatusFound
		due(true, "an hour later")
		if got := lastError(); !strings.Contains(got, "answered 302; it must answer 200, redirects are not followed") {
			t.Errorf("the error is %q", got)
		}
		answer = http.StatusOK
		if err := b.FetchNow(ctx, p.ID); err != nil {
			t.Fatal(err)
		}
		due(true, "when asked")
		if got := lastError(); got != "" {
			t.Errorf("the error is %q", got)
		}
		// The token is for that address alone.
		moved := partner.Params{Name: "North", FeedURL: srv.URL + "/new", Schedule: "60"}
		if p, err = b.Update(ctx, p.ID, moved); err != nil ||
			p.HasToken {
			t.Errorf("%+v, %v", p, err)
		}
		due(true, "at a new address")
		if got := lastError(); !strings.Contains(got, "answered 401") {
			t.Errorf("the error is %q", got)
		}
	})
}
