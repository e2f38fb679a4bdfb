package invariants_test

import "github.com/returnkit/returnkit/refserver/internal/e2e/client"

// market are violations about units of money, money of others, several payments and sales.
var market = []violation{
	{"an order was charged in another currency", "I20: order", "", func(l *client.Ledger) {
		l.Charges[0].Currency = "EUR"
	}},
	{"an order was charged in another unit", "I6: order", "", func(l *client.Ledger) { l.Charges[0].Digits = 0 }},
	{"a charge has a part of our smallest unit", "I20: charge", "", func(l *client.Ledger) {
		l.Charges[0].Amount, l.Charges[0].Digits = l.Charges[0].Amount*10+1, 3
	}},
	{"a refund was paid in another unit", "I6: attempt", "", func(l *client.Ledger) { l.Refunds[0].Digits = 0 }},
	{"a refund is in a currency without a unit", "I20: refund", "", func(l *client.Ledger) {
		l.Refunds[0].Currency = "ZZZ"
	}},
	{"others refunded what is not booked", "I18: re_9", "", func(l *client.Ledger) {
		l.Refunds = append(l.Refunds, client.LedgerRefund{
			ID: "re_9", Charge: l.Charges[1].ID, Amount: 1, Currency: "USD", Digits: 2, Status: "succeeded",
			Outside: true,
		})
	}},
	{"a dispute was lost and is not booked", "I18: dp_9", "", func(l *client.Ledger) {
		l.Disputes = append(l.Disputes, client.LedgerDispute{
			ID: "dp_9", Charge: l.Charges[1].ID, Withdrawn: 1, Currency: "USD", Digits: 2, Status: "lost",
		})
	}},
	{"what nobody refunded is booked", "I18: re_9", "INSERT INTO ?(rk)refund_outside (provider_id, kind, order_id, " +
		"payment_id, payment_provider_id, currency, amount_minor, counted_minor, state, status, reason, created_at, " +
		"booked_at, updated_at, version) SELECT 're_9', 'refund', order_id, id, reference, 'USD', 5, 5, 'paid', " +
		"'succeeded', '', 1, 1, 1, 1 FROM ?(rk)payments LIMIT 1", nil},
	{"a flash sale counts units that nobody bought", "I4: flash sale", "INSERT INTO ?(rk)flash_sales (id, " +
		"product_id, starts, ends, percent_bp, cap, cap_per_customer, sold, held, closed, created_at, updated_at, " +
		"version) VALUES ('sale', 3, 1, 2, 1000, 0, 0, 1, 0, TRUE, 1, 1, 1)", nil},
	{"a payment gave nothing back for a case that is refunded", "I8: return", "UPDATE ?(rk)refunds SET " +
		"status = 'failed' WHERE customer_id = 'ann'", nil},
}
