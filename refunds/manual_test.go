package refunds_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestManualMethodsNeverCallTheProvider(t *testing.T) {
	inBubble(t, func(s *shop) {
		for i, c := range []struct {
			method    payment.Method
			paidBy    payment.Method
			want      payment.Method
			reference string
		}{
			{payment.Cash, payment.Card, payment.Cash, "MANUAL-CAS-00001"},
			{payment.StoreCredit, payment.Card, payment.StoreCredit, "MANUAL-STO-00001"},
			{payment.OriginalMethod, payment.Cash, payment.Cash, "MANUAL-CAS-00002"},
			{"", payment.Cash, payment.Cash, "MANUAL-CAS-00003"},
			{payment.StoreCredit, payment.Cash, payment.StoreCredit, "MANUAL-STO-00002"},
		} {
			q := request(i, 1)
			q.Method, q.Payments[0].Method = c.method, c.paidBy
			r := s.refund(q)
			s.is(r, refunds.StatusSucceeded)
			s.equal("method", r.Method, c.want)
			s.equal("reference", r.Attempt().ProviderID, c.reference)
			s.equal("paid by", r.Attempt().PaidBy, kim)
			s.equal("again", s.refund(q), r)
			found, err := s.ByProviderID(s.Context(), c.reference)
			if err != nil || found.ID != r.ID {
				s.Errorf("by its reference: %v, %v", found, err)
			}
		}
		s.equal("calls", s.gateway.Calls(refundstest.CallCreate)+s.gateway.Calls(refundstest.CallFind), 0)
		credit, err := s.CreditBalance(s.Context(), "ann", "USD")
		if err != nil || credit != 2000 {
			s.Errorf("store credit %d, %v", credit, err)
		}
		s.equal("completed", s.seen.completed, 5)
		s.check()
	})
}

func TestARefundOfNothingSucceedsWithoutACall(t *testing.T) {
	inBubble(t, func(s *shop) {
		q := request(1, 1)
		q.Quote.Fees = []refunds.FeeRule{{Kind: refunds.RestockingFee, Fixed: 5000}}
		r := s.refund(q)
		s.is(r, refunds.StatusSucceeded)
		s.equal("amount", r.Amount(), int64(0))
		s.equal("calls", s.gateway.Calls(refundstest.CallCreate), 0)
		s.equal("completed", s.seen.completed, 1)
		s.refund(q)
		s.equal("completed after asking again", s.seen.completed, 1)

		q = request(2, 1)
		q.Quote.Lines[0].Paid, q.Quote.Lines[0].Free = money.Components{}, true
		q.Method, q.Payments[0].Captured = payment.StoreCredit, 0
		s.is(s.refund(q), refunds.StatusSucceeded)
		s.check()
	})
}

func TestStoreCreditOfTheService(t *testing.T) {
	inBubble(t, func(s *shop) {
		change := refunds.CreditChange{CustomerID: "bob", Currency: "USD", Amount: 500, Ref: "goodwill-1", By: kim}
		for i := range 2 {
			did, err := s.GrantCredit(s.Context(), change)
			if err != nil || did != (i == 0) {
				s.Errorf("grant %d: %v, %v", i, did, err)
			}
		}
		change.Ref, change.Amount = "order-1", 501
		_, err := s.SpendCredit(s.Context(), change)
		s.code(err, refunds.CodeCreditTooLow)
		change.Amount = 500
		if did, err := s.SpendCredit(s.Context(), change); err != nil || !did {
			s.Errorf("spend: %v, %v", did, err)
		}
		for _, amount := range []int64{0, -1} {
			change.Amount = amount
			_, err := s.GrantCredit(s.Context(), change)
			s.code(err, refunds.CodeInvalid)
			_, err = s.SpendCredit(s.Context(), change)
			s.code(err, refunds.CodeInvalid)
		}
		entries, err := s.CreditEntries(s.Context(), "bob")
		if err != nil || len(entries) != 2 {
			s.Errorf("entries %v, %v", entries, err)
		}
	})
}
