package refunds_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// lister is the provider's list of a test.
type lister struct {
	all   []payment.ProviderRefund
	fails error
	limit int // refunds that one call requested
}

func (l *lister) ListRefunds(_ context.Context, from, to time.Time) iter.Seq2[payment.ProviderRefund, error] {
	return func(yield func(payment.ProviderRefund, error) bool) {
		n := 0
		for _, x := range l.all {
			if x.CreatedAt.Before(from) || !x.CreatedAt.Before(to) {
				continue
			}
			n++
			if l.limit = max(l.limit, n); !yield(x, nil) {
				return
			}
		}
		if l.fails != nil {
			yield(payment.ProviderRefund{}, l.fails)
		}
	}
}

// list has the provider list the refunds of its ledger, made at the instant.
func (l *lister) list(g *refundstest.Gateway, at time.Time) {
	for _, p := range g.Ledger()[len(l.all):] {
		l.all = append(l.all, payment.ProviderRefund{
			ProviderID: p.Reference, PaymentProviderID: p.Request.PaymentProviderID, AttemptID: p.Request.AttemptID,
			RefundID: p.Request.RefundID,
			Amount:   p.Request.Amount, Currency: p.Request.Currency, CreatedAt: at,
			Outcome: map[string]payment.Outcome{"succeeded": payment.OutcomeDone,
				"pending": payment.OutcomePending}[p.Status], Status: p.Status,
		})
	}
}

// reconciled runs f with a shop that has a list, from a full hour on.
func reconciled(t *testing.T, f func(s *shop, l *lister)) {
	l := &lister{}
	synctest.Test(t, func(t *testing.T) { f(newShop(t, func(c *refunds.Config) { c.RefundLister = l }), l) })
}

func (s *shop) compare(from, to time.Time) (map[refunds.MatchStatus][]refunds.Match, refunds.Totals) {
	s.Helper()
	got := map[refunds.MatchStatus][]refunds.Match{}
	totals, err := s.Compare(s.Context(), from, to, func(c refunds.Match) error {
		got[c.Match] = append(got[c.Match], c)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return got, totals
}

func TestReconcileFindsEveryDifferenceOnce(t *testing.T) {
	reconciled(t, func(s *shop, l *lister) {
		start := time.Now()
		paid := func(n int) refunds.Refund {
			r := s.refund(request(n, 1))
			l.list(s.gateway, time.Now())
			return r
		}
		paid(1) // matched
		lost := paid(2)
		l.all[1].AttemptID, l.all[1].ProviderID, l.all[1].CreatedAt = "", "re_on_page", start
		s.gateway.Settle("re_2", "gone")
		wrong := paid(3)
		l.all[2].Amount++
		taken := paid(4)
		l.all[3].Outcome, l.all[3].Status = payment.OutcomeDeclined, "failed"
		cash := request(5, 1)
		cash.Method = payment.Cash
		s.refund(cash)
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		s.refund(request(6, 1)) // failed here, and not there
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultStored5xx)
		s.refund(request(7, 1)) // unknown here
		twice := paid(8)
		double := l.all[len(l.all)-1]
		double.ProviderID, double.CreatedAt = "re_double", start.Add(90*time.Minute)
		l.all = append(l.all, double)
		time.Sleep(3 * time.Hour)

		got, totals := s.compare(start, time.Now())
		for f, n := range map[refunds.MatchStatus]int{
			refunds.Matched: 2, refunds.InProgress: 1, refunds.MissingLocally: 2, refunds.AmountDiffers: 1,
			refunds.StateDiffers: 2,
		} {
			s.equal(string(f), len(got[f]), n)
			s.equal("total of "+string(f), totals.Count[f], n)
		}
		s.equal("amount differs", []any{got[refunds.AmountDiffers][0].RefundID,
			got[refunds.AmountDiffers][0].Amount, got[refunds.AmountDiffers][0].ProviderAmount},
			[]any{wrong.ID, int64(1000), int64(1001)})
		s.equal("missing here", got[refunds.MissingLocally][0].ProviderID, "re_on_page")
		s.equal("paid twice", []any{got[refunds.MissingLocally][1].ProviderID,
			got[refunds.MissingLocally][1].AttemptID}, []any{"re_double", twice.Attempt().ID})
		s.equal("matched money", totals.Ours[refunds.Matched], map[money.Currency]int64{"USD": 2000})
		ids := []string{got[refunds.StateDiffers][0].RefundID, got[refunds.StateDiffers][1].RefundID}
		s.equal("other state", ids, []string{lost.ID, taken.ID})

		rec, err := s.Reconcile(s.Context(), start, time.Now())
		if err != nil {
			s.Fatal(err)
		}
		s.equal("differences", []int{len(rec.Rows), rec.Differences}, []int{5, 5})
	})
}

func TestReconcileFindsWhatIsMissingThere(t *testing.T) {
	reconciled(t, func(s *shop, _ *lister) {
		start := time.Now()
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostBefore)
		r := s.refund(request(1, 1))
		s.settle(60 * time.Hour)
		if _, err := s.Resolve(s.Context(), r.ID, kim, refunds.ResolveParams{Paid: true,
			Reason: "they say so on the telephone", Confirmed: money.New(r.Amount(), r.Quote.Currency)}); err != nil {
			s.Fatal(err)
		}
		rec, err := s.Reconcile(s.Context(), start, start.Add(time.Hour))
		if err != nil {
			s.Fatal(err)
		}
		s.equal("rows", len(rec.Rows), 1)
		s.equal("finding", []any{rec.Rows[0].Match, rec.Rows[0].RefundID, rec.Rows[0].Status},
			[]any{refunds.MissingAtProvider, r.ID, refunds.StatusSucceeded})
	})
}

// strange is a provider that answers about one payment what says holds.
type strange struct {
	payment.RefundGateway
	payment string
	says    payment.Result
}

func (g *strange) FindRefund(ctx context.Context, r payment.RefundRequest) payment.Result {
	if r.PaymentProviderID == g.payment {
		return g.says
	}
	return g.RefundGateway.FindRefund(ctx, r)
}

// TestReconcileReportsTheRestOfWhatCantBeCompared is fault S9: one refund whose
// payment the provider did not know ended the whole comparison.
func TestReconcileReportsTheRestOfWhatCantBeCompared(t *testing.T) {
	for _, c := range []struct {
		name string
		says payment.Result
		ends bool
	}{
		{"no such payment",
			payment.Result{Outcome: payment.OutcomeUnknown, Code: "resource_missing", HTTP: 404}, false},
		{"no id of its own", payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 400}, false},
		{"out of reach", payment.Result{Outcome: payment.OutcomeUnknown}, true},
		{"broken", payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 500}, true},
		{"the key is wrong", payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 401}, true},
		{"too many calls", payment.Result{Outcome: payment.OutcomeUnknown, HTTP: 429}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, g := &lister{}, &strange{says: c.says}
				s := newShop(t, func(cfg *refunds.Config) {
					g.RefundGateway, cfg.Gateway, cfg.RefundLister = cfg.Gateway, g, l
				})
				start := time.Now()
				unknown := s.refund(request(1, 1))
				g.payment = unknown.Attempt().PaymentProviderID
				for n := range 3 {
					other := request(n+2, 1)
					other.Payments[0].ProviderID = "pi_other"
					s.refund(other)
				}
				time.Sleep(2 * time.Hour)
				rec, err := s.Reconcile(s.Context(), start, time.Now())
				if (err != nil) != c.ends {
					t.Fatalf("%v", err)
				}
				if c.ends {
					return
				}
				want := map[refunds.MatchStatus]int{refunds.NotComparable: 1, refunds.Matched: 3}
				s.equal("totals", rec.Totals.Count, want)
				s.equal("rows", len(rec.Rows), 1)
				s.equal("row", []any{rec.Rows[0].RefundID, rec.Rows[0].Match}, []any{unknown.ID, refunds.NotComparable})
			})
		})
	}
}

func TestReconcileTellsARefundOnceWhateverHourTheProviderMadeIt(t *testing.T) {
	for _, later := range []time.Duration{0, time.Minute, 30 * time.Minute, 90 * time.Minute, 20 * time.Hour,
		30 * time.Hour, -time.Minute} {
		reconciled(t, func(s *shop, l *lister) {
			start := time.Now()
			time.Sleep(45 * time.Minute)
			made := time.Now()
			for n := range 600 { // more than a page
				s.refund(request(n, 1))
			}
			l.list(s.gateway, made.Add(later))
			got, totals := s.compare(start, start.Add(24*time.Hour))
			s.equal(fmt.Sprintf("matched, made %s later", later), totals.Count,
				map[refunds.MatchStatus]int{refunds.Matched: 600})
			seen := map[string]bool{}
			for _, c := range got[refunds.Matched] {
				seen[c.RefundID] = true
			}
			s.equal("different ones", len(seen), 600)
		})
	}
}

func TestReconcileOfAnEarlierTimeTellsWhatTheProviderMadeInIt(t *testing.T) {
	reconciled(t, func(s *shop, l *lister) {
		s.refund(request(1, 1))
		later := time.Now().Add(48 * time.Hour)
		l.list(s.gateway, later)
		_, totals := s.compare(later.Add(-time.Hour), later.Add(time.Hour))
		s.equal("found", totals.Count, map[refunds.MatchStatus]int{refunds.Matched: 1})
	})
}

func TestAReconciliationThatCanNotBeCompleteIsAnError(t *testing.T) {
	reconciled(t, func(s *shop, l *lister) {
		start := time.Now()
		s.refund(request(1, 1))
		l.fails = errors.New("page 2 did not come")
		if _, err := s.Reconcile(s.Context(), start, start.Add(time.Hour)); !errors.Is(err, l.fails) {
			s.Errorf("error %v, want that of the list", err)
		}
		l.fails = nil
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostBefore)
		if _, err := s.Reconcile(s.Context(), start, start.Add(time.Hour)); err == nil {
			s.Error("a look-up that failed counts as a difference")
		}
		_, err := s.Reconcile(s.Context(), start, start)
		s.code(err, refunds.CodeInvalid)
		none, err := refunds.New(refunds.Config{Store: s.store, Gateway: s.gateway})
		if err != nil {
			s.Fatal(err)
		}
		_, err = none.Reconcile(s.Context(), start, start.Add(time.Hour))
		s.code(err, refunds.CodeInvalid)
		stop := errors.New("enough")
		if _, err := s.Compare(s.Context(), start.Add(-time.Hour), start.Add(time.Hour),
			func(refunds.Match) error { return stop }); err == nil {
			s.Error("it continued")
		}
	})
}

func TestTheCSVIsHarmlessAndComplete(t *testing.T) {
	reconciled(t, func(s *shop, l *lister) {
		start := time.Now()
		q := request(1, 1)
		q.ClientReference, q.Currency, q.Payments[0].Captured = `=HYPERLINK("http://x","y")`, "KWD", 3000
		q.Quote.Currency = "KWD"
		s.refund(q)
		l.list(s.gateway, start)
		l.all = append(l.all,
			payment.ProviderRefund{ProviderID: "-1+1", Amount: 1234, Currency: "XXQ",
				Outcome: payment.OutcomeDone, Status: "@SUM(1)", CreatedAt: start},
			payment.ProviderRefund{ProviderID: "+a\n\"b\",c", Amount: 5, Currency: "JPY",
				Outcome: payment.OutcomeDone, Status: "\tx", CreatedAt: start})
		var out bytes.Buffer
		if _, err := s.CompareCSV(s.Context(), &out, start, start.Add(time.Hour)); err != nil {
			s.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			s.Fatal(err)
		}
		s.equal("rows", len(rows), 4)
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
					s.Errorf("cell %q is a formula", cell)
				}
			}
		}
		s.equal("missing here", rows[1][9:], []string{"'-1+1", "'@SUM(1)", "1234 minor units", "XXQ"})
		s.equal("yen", rows[2][9:], []string{"'+a\n\"b\",c", "'\tx", "5", "JPY"})
		s.equal("matched", []string{rows[3][0], rows[3][4], rows[3][7], rows[3][11]}, []string{"matched",
			`'=HYPERLINK("http://x","y")`, "1.000", "1.000"})
	})
}

func TestNoticesAreFollowedByLookingUp(t *testing.T) {
	inBubble(t, func(s *shop) {
		notice := func(r refunds.Refund, a refunds.Attempt, o payment.Outcome) payment.WebhookEvent {
			return payment.WebhookEvent{RefundID: r.ID, AttemptID: a.ID, ProviderID: a.ProviderID,
				Amount: a.Amount, Currency: "USD", Outcome: o}
		}
		told := func(n payment.WebhookEvent) (refunds.Refund, error) { return s.HandleWebhook(s.Context(), bank, n) }

		r := s.refund(request(1, 2))
		// What it claims changes nothing: the provider still has it as succeeded.
		got, err := told(notice(r, *r.Attempt(), payment.OutcomeDeclined))
		if err != nil {
			s.Fatal(err)
		}
		s.is(got, refunds.StatusSucceeded)

		// Another amount or currency is an alarm, and changes no state.
		before := s.get(r.ID)
		for _, spoil := range []func(*payment.WebhookEvent){
			func(n *payment.WebhookEvent) { n.Amount++ },
			func(n *payment.WebhookEvent) { n.Currency = "EUR" },
			func(n *payment.WebhookEvent) { n.AttemptID, n.ProviderID = "never made", "re_other" },
		} {
			n := notice(r, *r.Attempt(), payment.OutcomeDone)
			spoil(&n)
			_, err := told(n)
			s.code(err, refunds.CodeContradiction)
		}
		s.equal("after the alarms", s.get(r.ID), before)

		// Found by the provider's id alone; not ours is not found.
		if got, err := told(payment.WebhookEvent{ProviderID: "re_1",
			Outcome: payment.OutcomeDone}); err != nil || got.ID != r.ID {
			s.Errorf("by reference: %v, %v", got.ID, err)
		}
		for _, n := range []payment.WebhookEvent{{ProviderID: "re_dashboard"}, {RefundID: "nobody's"}, {}} {
			if _, err := told(n); !errors.Is(err, refunds.ErrNotFound) {
				s.Errorf("%+v: %v", n, err)
			}
		}

		// An attempt that failed and was replaced, and was paid after all.
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultRefuse)
		failed := s.refund(request(2, 1))
		again := s.refund(request(2, 1))
		s.is(again, refunds.StatusSucceeded)
		_, err = told(notice(again, failed.Attempts[0], payment.OutcomeDone))
		s.code(err, refunds.CodeContradiction)
		if _, err = told(notice(again, failed.Attempts[0], payment.OutcomeDeclined)); err != nil {
			s.Error(err)
		}

		// The news that an attempt was paid comes after it was reversed, found
		// to have failed, and replaced: late, and no contradiction.
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultLostAfter)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultLostAfter)
		lost := s.refund(request(3, 1))
		s.is(lost, refunds.StatusUnknown)
		paid := s.gateway.Ledger()[len(s.gateway.Ledger())-1]
		s.gateway.Settle(paid.Reference, "failed")
		s.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
		s.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
		s.settle(time.Hour)
		s.is(s.get(lost.ID), refunds.StatusFailed)
		again = s.refund(request(3, 1))
		s.is(again, refunds.StatusSucceeded)
		late := notice(again, again.Attempts[0], payment.OutcomeDone)
		late.ProviderID = paid.Reference
		before = s.get(again.ID)
		if _, err := told(late); err != nil {
			s.Errorf("late news of a refund that was reversed: %v", err)
		}
		s.gateway.Script(refundstest.CallFind, refundstest.FaultLostBefore)
		if _, err := told(late); err == nil || refunds.CodeOf(err) != "" {
			s.Errorf("late news that can't be looked up has to come again: %v", err)
		}
		s.equal("after the late news", s.get(again.ID), before)
		s.check()
	})
}
