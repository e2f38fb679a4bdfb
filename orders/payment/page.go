package payment

import (
	"context"
	"time"
)

// Page is a page of the provider's on which a customer pays one payment.
type Page struct {
	ProviderID string // the provider's id of the page
	// URL is where the customer's browser goes, an absolute http or https address.
	// Whoever has it can pay, so it is shown to the customer alone.
	URL string
}

// PageRequest asks for a page. All its fields are frozen when the order is placed,
// so that a retry is the same request. ChargeRequest.Token is not used: the
// provider takes the card.
type PageRequest struct {
	ChargeRequest

	Description string    // what is paid for, as the page shows it, such as "Order ORD-1"
	ExpiresAt   time.Time // from when on the page takes no payment, in whole seconds
	// PaidURL and UnpaidURL are where the provider sends the customer after the
	// payment, and without one. That a customer comes back proves nothing: the
	// page is looked up.
	PaidURL, UnpaidURL string
}

// PageGateway is a gateway that has the customer pay on a page of the provider's,
// so that no card number passes through the shop. It is apart from ChargeGateway
// because not every provider has such a page.
//
// Its methods do not return an error: every way a call can end is a Result.
// Implementations are safe for concurrent use, honor ctx, and never retry on their
// own.
//
// A page is paid at most once. Only someone with its URL can pay it, so
// a page whose URL was given to nobody is certainly unpaid.
type PageGateway interface {
	// OpenPage makes the page. OutcomeDone means that it exists and can be paid;
	// Result.ProviderID is the page's.
	OpenPage(ctx context.Context, r PageRequest) (Page, Result)
	// FindPage reads the page and returns the state of its payment, with
	// OutcomeDone: Open while it can be paid, Canceled where it never will be. Where
	// it is Captured, Result.ProviderID is the provider's id of the payment, which
	// is what is refunded, and Result.Amount what was paid. With any other outcome
	// the state was not read and is empty. A page that does not exist, or is of
	// another order than r's, is not read: OutcomeUnknown.
	FindPage(ctx context.Context, r ChargeRequest, pageID string) (PaymentStatus, Result)
	// ClosePage asks that the page take no payment from now on, and returns the state of
	// its payment after that, as FindPage does. OutcomeDeclined means that it is no longer
	// open: FindPage reports whether it was paid.
	ClosePage(ctx context.Context, r ChargeRequest, pageID string) (PaymentStatus, Result)
}

// PagesOf returns the gateway's pages, nil where it has none.
func PagesOf(g ChargeGateway) PageGateway {
	p, _ := g.(PageGateway)
	return p
}
