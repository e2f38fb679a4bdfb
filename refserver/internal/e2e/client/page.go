package client

import (
	"context"
	"net/http"
	"net/url"
)

// CheckoutOnPage buys the cart by card in a shop whose customers enter it on the provider's
// page, and returns the address of the page that the shop sends to.
func (c *Client) CheckoutOnPage(ctx context.Context) (string, error) {
	a, err := c.Form(ctx, "/checkout", url.Values{"payment_method": {"Card"}})
	return sentOn("checkout", a, err)
}

// PayOnPage pays by the card on a page of the provider's, at its full address, and returns
// the path in the shop to which the customer is sent back. A page that takes no payment is a
// *StatusError.
func PayOnPage(ctx context.Context, page, card string) (string, error) {
	browser := New(page, 0)
	defer browser.Leave()
	a, err := browser.Form(ctx, "", url.Values{"card_number": {card}})
	back, err := sentOn("payment page", a, err)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(back)
	if err != nil {
		return "", err
	}
	return u.RequestURI(), nil
}

// sentOn is where an answer sends a browser.
func sentOn(request string, a Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusSeeOther {
		return "", &StatusError{request, a}
	}
	return a.Header.Get("Location"), nil
}
