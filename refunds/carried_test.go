package refunds_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// rest is what payment 1 carried over; the zero value: nothing.
func (s *shop) rest() refunds.CarriedRest {
	s.Helper()
	all, err := s.CarriedRests(s.Context(), "", 10)
	if err != nil || len(all) > 1 {
		s.Fatal(all, err)
	}
	if len(all) == 0 {
		return refunds.CarriedRest{}
	}
	return all[0]
}

// payRest pays what was carried over from two processes at once, and returns how many of
// them opened a refund for it.
func (s *shop) payRest(rest refunds.CarriedRest) (opened int) {
	s.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			ok, err := s.OpenRest(s.Context(), rest, kim)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.Error(err)
			}
			if ok {
				opened++
			}
		})
	}
	wg.Wait()
	return opened
}

func TestWhatIsCarriedInTheEndIsStoreCredit(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := request(1, 1)
		r.Quote.Lines[0].Bought = 7 // 4.285 each
		first := s.refund(r)
		s.equal("paid and carried", []int64{first.Amount(), first.Quote.Carried}, []int64{420, 8})
		s.equal("the rest", s.rest(), refunds.CarriedRest{OrderID: "order-1", PaymentID: "payment-1",
			CustomerID: "ann", Currency: "USD", Amount: 8})
		s.equal("opened by two at once", s.payRest(s.rest()), 1)
		s.settle(0)
		credit, err := s.CreditBalance(s.Context(), "ann", "USD")
		s.equal("store credit and rest", []any{credit, s.rest().Amount, err}, []any{int64(8), int64(0), nil})
		entries, err := s.CreditEntries(s.Context(), "ann")
		s.equal("entry", []any{len(entries), entries[0].Note, err},
			[]any{1, "the rest of refunds that could not be paid with them", nil})
		s.equal("paid again", s.payRest(refunds.CarriedRest{OrderID: "order-1", PaymentID: "payment-1",
			CustomerID: "ann", Currency: "USD", Amount: 8}), 0)

		// Staff take more back after all: what was paid is carried no more.
		others := request(1, 6)
		others.ClientReference, others.Quote.Lines[0].Bought = "return-2", 7
		last := s.refund(others)
		s.equal("the others", []int64{last.Amount(), last.Quote.Carried}, []int64{2570, 2})
		s.equal("a rest again", s.payRest(s.rest()), 1)
		s.settle(0)
		all, _, err := s.List(s.Context(), refunds.Query{OrderID: "order-1"})
		var sum int64
		for _, r := range all {
			sum += r.Amount()
			if id, ok := refunds.CarriedPayment(r.ClientReference); ok && id != "payment-1" {
				t.Errorf("%s is of payment %q", r.ClientReference, id)
			}
		}
		s.equal("in the end", []any{sum, len(all), s.rest().Amount, err}, []any{int64(3000), 4, int64(0), nil})
		s.check()
	}, onTens(t))
}

// While a refund of the payment is open or it is disputed, more may join it or be due.
func TestTheRestWaitsForWhatIsOpen(t *testing.T) {
	inBubble(t, func(s *shop) {
		r := request(1, 1)
		r.Quote.Lines[0].Bought = 7
		s.gateway.Script(refundstest.CallCreate, refundstest.FaultPending)
		s.is(s.refund(r), refunds.StatusPending)
		s.equal("while it is pending", s.payRest(s.rest()), 0)
		s.gateway.Settle(s.gateway.Ledger()[0].Reference, "succeeded")
		s.settle(1 << 45)
		s.hold(dispute(1, "dp_1"))
		s.equal("while it is disputed", s.payRest(s.rest()), 0)
		s.release(dispute(1, "dp_1"))
		s.equal("then", s.payRest(s.rest()), 1)
	}, onTens(t))
}

// Units come back in any grouping with fees, refunds are taken back, and the rest is paid
// at any time: never more than is due, and in the end just that, each rest once.
func TestTheRestIsPaidOnceWhateverComesBack(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inBubble(t, func(s *shop) { s.playRests(rand.New(rand.NewPCG(seed, 6))) }, onTens(t))
		})
	}
}

func (s *shop) playRests(random *rand.Rand) {
	bought, opened := 7+random.IntN(5), 0
	for i := range 3 + random.IntN(4) {
		r := request(1, 1+random.IntN(2))
		r.ClientReference, r.Quote.Lines[0].Bought = fmt.Sprint("return-", i), bought
		if random.IntN(3) == 0 {
			r.Method = payment.Cash
		}
		if random.IntN(3) == 0 {
			r.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, PercentBP: random.IntN(3000)}}
		}
		paid := s.refund(r)
		if random.IntN(4) == 0 && paid.Amount() > 0 {
			if _, err := s.Reverse(s.Context(), paid.ID, kim, refunds.ReverseParams{Reason: "came back"}); err != nil {
				s.Fatal(err)
			}
			r.Method = payment.StoreCredit
			s.refund(r)
		}
		if rest := s.rest(); rest.Amount > 0 && random.IntN(2) == 0 {
			opened += s.payRest(rest)
			s.settle(0)
		}
		s.restsAddUp(opened)
	}
	if rest := s.rest(); rest.Amount > 0 {
		opened += s.payRest(rest)
		s.settle(0)
	}
	s.equal("rest in the end", s.rest().Amount, int64(0))
	s.restsAddUp(opened)
	s.check()
}

// restsAddUp checks that what is paid and what is carried make what the lines give less
// fees, and that each rest which was opened is one entry of store credit.
func (s *shop) restsAddUp(opened int) {
	s.Helper()
	all, _, err := s.List(s.Context(), refunds.Query{OrderID: "order-1", PageSize: refunds.MaxPageSize})
	if err != nil {
		s.Fatal(err)
	}
	var due, paid, carried int64
	rests := 0
	for _, r := range all {
		if !r.Status.CountsAgainstCaptured() {
			continue
		}
		due, paid, carried = due+r.Quote.Gross-r.Quote.FeesSum, paid+r.Amount(), carried+r.Quote.Carried
		if _, ok := refunds.CarriedPayment(r.ClientReference); ok {
			rests++
		}
	}
	credit, err := s.CreditBalance(s.Context(), "ann", "USD")
	var granted int64
	for _, r := range all {
		if r.Status == refunds.StatusSucceeded && r.Method == payment.StoreCredit {
			granted += r.Amount()
		}
	}
	if paid+carried != due || paid > 3000 || carried > 9 || rests != opened || credit != granted || err != nil {
		s.Errorf("paid %d and carried %d of %d due, %d rests of %d opened, credit %d of %d, %v", paid, carried, due,
			rests, opened, credit, granted, err)
	}
}
