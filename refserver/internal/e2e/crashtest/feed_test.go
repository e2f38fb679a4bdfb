package crashtest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// feedRows is how many products the feed has.
const feedRows = 10_000

// feedState is how far a feed is, as the shop reports it.
type feedState struct {
	Percent, Done, Total, Accepted, Rejected int
	State                                    string
}

// TestTheServerIsKilledInTheMiddleOfAFeed: it is continued by the next one and ends complete, with
// no product doubled, and what is reported of it never goes back.
func TestTheServerIsKilledInTheMiddleOfAFeed(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/crashtest/")
	eachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		server := w.shop()
		id := w.startFeed(w.staff(server))
		last, kills := feedState{}, 0
		for _, past := range []int{10, 40, 70, 100} {
			for last.State != "done" && last.Percent < past {
				last = w.feedAt(w.staff(server), id, last)
			}
			if last.State == "done" {
				break
			}
			server.Kill()
			server = w.shop()
			kills++
		}
		if kills == 0 {
			t.Fatal("the feed ended before a server was killed")
		}
		t.Logf("%d servers were killed", kills)
		if last.Percent != 100 || last.Done != feedRows || last.Accepted != feedRows || last.Rejected != 0 {
			t.Errorf("the feed ended as %+v", last)
		}
		for what, query := range map[string]string{
			"products of the partner": `SELECT CAST(COUNT(*) AS TEXT) FROM rk_partner_products`,
			"products of the feed":    `SELECT CAST(COUNT(*) AS TEXT) FROM rk_products WHERE name LIKE 'Feed %'`,
			"names of the feed": `SELECT CAST(COUNT(DISTINCT name) AS TEXT) FROM rk_products ` +
				`WHERE name LIKE 'Feed %'`,
			"products that a row of the partner leads to": `SELECT CAST(COUNT(DISTINCT product_id) AS TEXT) ` +
				`FROM rk_partner_products`,
		} {
			if got := w.rows(query); len(got) != 1 || got[0] != fmt.Sprint(feedRows) {
				t.Errorf("%s: %q, want %d", what, got, feedRows)
			}
		}
	})
}

// startFeed makes a partner, sends its feed, and returns the id of the operation.
func (w *world) startFeed(admin *client.Client) string {
	w.t.Helper()
	ctx := w.t.Context()
	var made struct{ Partner struct{ ID string } }
	if _, err := admin.Call(ctx, "/api/admin/partners", map[string]any{"name": "North"}, &made); err != nil {
		w.t.Fatal(err)
	}
	var key struct{ Key string }
	path := "/api/admin/partners/" + made.Partner.ID + "/keys"
	if _, err := admin.Call(ctx, path, map[string]any{}, &key); err != nil {
		w.t.Fatal(err)
	}
	var feed strings.Builder
	feed.WriteString("id,name,price,stock\n")
	for i := range feedRows {
		fmt.Fprintf(&feed, "p%d,Feed product %d,1.%02d,1\n", i, i, i%100)
	}
	a, err := admin.Do(
		ctx, http.MethodPost, "/api/partner/ingest", "text/csv", []byte(feed.String()), "X-API-Key", key.Key,
	)
	if err != nil || a.Status != http.StatusAccepted {
		w.t.Fatal(a.Status, string(a.Body), err)
	}
	var started struct {
		ID string `json:"operation_id"`
	}
	if err := a.JSON(&started); err != nil {
		w.t.Fatal(err)
	}
	return started.ID
}

// feedAt reads how far the feed is, once it has advanced or ended, and requires that nothing goes
// back.
func (w *world) feedAt(admin *client.Client, id string, last feedState) (now feedState) {
	w.t.Helper()
	ctx, cancel := testreq.Context(w.t)
	defer cancel()
	err := client.Until(ctx, 10*time.Millisecond, func(ctx context.Context) error {
		if _, err := admin.Call(ctx, "/api/progress/"+id, nil, &now); err != nil {
			return err
		}
		if now.State == "running" && now.Percent == last.Percent {
			return fmt.Errorf("it is still at %d %%", now.Percent)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if now.Percent < last.Percent || now.Done < last.Done || now.Accepted < last.Accepted {
		w.t.Errorf("%+v after %+v", now, last)
	}
	if now.State != "running" && now.State != "done" {
		w.t.Fatalf("the feed ended as %+v", now)
	}
	return now
}
