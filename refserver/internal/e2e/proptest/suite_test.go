package proptest

import (
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
)

// TestTheShopDoesWhatTheModelSays runs random sequences against the whole shop
// and compares with the model after each command; at the end of each sequence
// the provider is well again, the workers finish, and I1 to I11, I15, I18, I20 and I23
// are recounted from the database and the provider's ledger.
func TestTheShopDoesWhatTheModelSays(t *testing.T) {
	for _, db := range []struct {
		name    string
		url     func(t *testing.T) string
		usually int64 // sequences: a database of its own for each costs PostgreSQL seconds
	}{
		{"sqlite", func(*testing.T) string { return "" }, 4},
		{"postgres", func(t *testing.T) string { return apptest.PostgresURL(t) }, 2},
	} {
		t.Run(db.name, func(t *testing.T) {
			seed := testreq.Number(t, "SEED", time.Now().UnixNano())
			params := gopter.DefaultTestParametersWithSeed(seed)
			params.MinSuccessfulTests = int(testreq.Number(t, "SEQUENCES", db.usually))
			params.MinSize, params.MaxSize = 15, 25
			if os.Getenv("SEQUENCES") != "" {
				params.MinSize, params.MaxSize = 20, 50
			}
			params.MaxShrinkCount = 200
			t.Logf("SEED=%d SEQUENCES=%d", seed, params.MinSuccessfulTests)
			seen, nth := map[string]int{}, int64(0)
			from, only := testreq.Number(t, "FROM", 1), testreq.Number(t, "ONLY", 0)
			properties := gopter.NewProperties(params)
			properties.Property(
				"the shop does what the model says",
				prop.ForAll(func(how opening, list []action) *gopter.PropResult {
					if nth++; nth < from || only > 0 && nth != only {
						return &gopter.PropResult{Status: gopter.PropTrue}
					}
					d := newDesk(t, how, "DATABASE_URL="+db.url(t), "DATA_DIR="+t.TempDir())
					defer d.close()
					defer d.count(seen)
					if wrong := d.run(list); len(wrong) > 0 {
						return &gopter.PropResult{Status: gopter.PropFalse, Labels: append(
							[]string{fmt.Sprintf("sequence %d", nth)}, wrong...)}
					}
					return &gopter.PropResult{Status: gopter.PropTrue}
				}, genOpening(), gen.SliceOf(genAction(), reflect.TypeFor[action]())),
			)
			properties.TestingRun(t)
			t.Logf("%v", seen)
			if params.MinSuccessfulTests < 100 || from > 1 || only > 0 {
				return
			}
			missing := t.Errorf
			if params.MinSuccessfulTests < 500 {
				missing = t.Logf // a hundred sequences may miss what is rare
			}
			for _, must := range []string{
				"order COMPLETED", "case REFUNDED", "case REJECTED", "refund reversed", "refund held to the end",
				"refund owed again at the end", "order in USD", "order in JPY", "order in KWD", "order in UGX",
				"several lines", "policy 1 published", "policy 2 published", "flash sale begun", "units reserved",
				"flash sale ended while somebody looked", "price asked again", "lower price charged",
				"sent twice and ordered once", "store credit alone", "store credit and the rest (card true)",
				"store credit and the rest (card false)", "more store credit refused than there is",
				"amount refused that no card can pay", "refund of several payments", "paid on the provider's page",
				"settled on the way back", "card declined on the provider's page", "provider's page left",
				"order canceled that waited on the page", "refund on the provider's pages",
				"refund of others that came back", "refund less what others gave",
			} {
				if seen[must] == 0 {
					missing("no sequence led to %s: it shows nothing", must)
				}
			}
		})
	}
}

// count notes what a sequence did and led to.
func (d *desk) count(seen map[string]int) {
	for what, n := range d.did {
		seen[what] += n
	}
	for _, o := range d.orders {
		seen["order "+o.status]++
	}
	for _, k := range d.cases {
		seen["case "+k.status]++
		if k.refused {
			seen["refund refused once"]++
		}
		if k.parked {
			seen["refund held to the end"]++
		}
		if k.unpaid {
			seen["refund owed again at the end"]++
		}
	}
	seen["refund reversed"] += d.reversed
	seen["message taken"] += d.taken
	seen["charge at the provider"] += len(d.sim.Ledger().Charges)
	seen["refund at the provider"] += len(d.sim.Ledger().Refunds)
}
