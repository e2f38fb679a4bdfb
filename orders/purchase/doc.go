// Package purchase holds what packages returns and refunds need to know of an
// order, whichever shop it comes from: what was bought, what was paid for it,
// and by which payments. Package orders is one source of it, not a requirement.
//
// A shop fills in a [Purchase] from its own tables:
//
//	p := purchase.Purchase{
//		OrderID: o.ID, CustomerID: o.CustomerID, Status: purchase.Completed, Currency: "EUR",
//		PlacedAt: o.PlacedAt, DeliveredAt: o.DeliveredAt,
//		Lines: []purchase.Line{{
//			ID: "1", ProductID: "SKU-7", Name: "Lamp", Quantity: 2,
//			Paid: purchase.Paid("EUR", money.Components{Price: 8000, Shipping: 499}),
//		}},
//		Payments: []purchase.Payment{{ID: "p-1", Method: payment.Card, ProviderID: "pi_123", Captured: 8499}},
//	}
//
// [Purchase.Check] names every field that is wrong. Package returns calls it when a
// return is requested, so that a mistake in the mapping is seen before goods or money
// move.
//
// # Units
//
// Amounts are minor units of the purchase's currency: 8499 EUR is 84.99 euros.
// Ids are opaque texts of 1 to 255 characters. A line id is unique within its
// order, not beyond it.
//
// # Errors
//
// What is wrong with a Purchase is an *[Error] for each field, joined: errors.As finds
// the first. An adapter returns what wraps [ErrNotFound] for an order that does not
// exist.
//
// # Zero values
//
// The zero [Purchase] is refused by its check, field by field. The zero time of
// DeliveredAt says that the delivery is not known; an empty TermsID, that the current
// terms count.
package purchase
