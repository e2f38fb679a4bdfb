package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="(cart_id|total|currency)" value="([^"]*)">`)

// CartForm is the form of the cart's page as a browser sends it, but for how it is paid:
// the cart's id, and the total that is shown with its currency.
func (c *Client) CartForm(ctx context.Context) (url.Values, error) {
	a, err := c.Do(ctx, http.MethodGet, "/cart", "", nil)
	if err != nil {
		return nil, err
	}
	fields := url.Values{}
	for _, m := range hidden.FindAllSubmatch(a.Body, -1) {
		fields.Set(string(m[1]), string(m[2]))
	}
	if a.Status != http.StatusOK || fields.Get("cart_id") == "" {
		return nil, &StatusError{"GET /cart", a}
	}
	return fields, nil
}

// Order sends the form of a cart, and asks for words that a program reads.
func (c *Client) Order(ctx context.Context, fields url.Values, key string) (Response, error) {
	header := []string{"Accept", "application/json"}
	if key != "" {
		header = append(header, "Idempotency-Key", key)
	}
	return c.Form(ctx, "/checkout", fields, header...)
}

// CardFields are the fields of a good card, or of cash if card is false.
func CardFields(card bool) url.Values {
	if !card {
		return url.Values{"payment_method": {"Cash"}}
	}
	return url.Values{
		"payment_method": {"Card"}, "card_number": {GoodCard}, "card_exp_date": {"12/2099"}, "card_type": {"Visa"},
	}
}

// ChangeProduct changes fields of a product, as staff.
func (c *Client) ChangeProduct(ctx context.Context, id int64, fields map[string]any) error {
	_, err := c.Call(ctx, fmt.Sprintf("/api/admin/products/%d", id), fields, nil)
	return err
}

// MakeProduct makes a product with the fields, as staff.
func (c *Client) MakeProduct(ctx context.Context, fields map[string]any) (int64, error) {
	var out struct{ Product Product }
	_, err := c.Call(ctx, "/api/admin/products", fields, &out)
	return out.Product.ID, err
}

// Moment is an instant as the forms of flash sales hold it, in UTC.
const Moment = "2006-01-02T15:04"

// StartSale begins a flash sale as staff do, by their form. 0 units: without a cap.
func (c *Client) StartSale(ctx context.Context, product int64, percent, units int, from, to string) error {
	return c.redirected(c.Form(ctx, "/admin/flash-sales", url.Values{
		"product_id": {strconv.FormatInt(product, 10)}, "percent": {strconv.Itoa(percent)},
		"starts": {from}, "ends": {to}, "cap": {strconv.Itoa(units)},
	}))
}

// EndSale ends a flash sale now.
func (c *Client) EndSale(ctx context.Context, id string) error {
	return c.redirected(c.Form(ctx, "/admin/flash-sales/"+id+"/end", nil))
}

// Reserve holds units of a flash sale.
func (c *Client) Reserve(ctx context.Context, sale string, units int) (Response, error) {
	body, err := json.Marshal(map[string]int{"quantity": units})
	if err != nil {
		return Response{}, err
	}
	return c.Do(ctx, http.MethodPost, "/api/flash-sales/"+sale+"/reserve", "application/json", body)
}

// Publish publishes a version of the return policy by the form of staff.
func (c *Client) Publish(ctx context.Context, fields url.Values) error {
	return c.redirected(c.Form(ctx, "/admin/policy", fields))
}

// Credit is the store credit that the person has, as the shop shows it.
func (c *Client) Credit(ctx context.Context) (json.Number, error) {
	var out struct{ Balance json.Number }
	_, err := c.Call(ctx, "/api/store-credit", nil, &out)
	return out.Balance, err
}

// RefundLess pays a case back less what others gave back already, as staff.
func (c *Client) RefundLess(ctx context.Context, id, method string) (Return, int, error) {
	var out caseAnswer
	a, err := c.Call(ctx, "/api/admin/returns/"+id+"/refund",
		map[string]any{"method": method, "less_outside": true}, &out)
	return out.Return, a.Status, err
}

// PayOnPage sends a card at the provider's page, and returns the path at the shop that the
// customer is sent back to, empty where it was not taken.
func (c *Client) PayOnPage(ctx context.Context, page, card string) (string, error) {
	provider := New("", c.http.Timeout)
	defer provider.Leave()
	a, err := provider.Form(ctx, page, url.Values{"card_number": {card}})
	if err != nil || a.Status != http.StatusSeeOther {
		return "", err
	}
	back, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(back.Path, "/"), nil
}

// ComeBack follows the way back from the provider's page.
func (c *Client) ComeBack(ctx context.Context, path string) (Response, error) {
	return c.Do(ctx, http.MethodGet, path, "", nil)
}
