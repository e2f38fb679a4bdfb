// Package client is a client of a running shop over its HTTP contract, for the
// tests that treat the shop as a whole: crash, fault and container tests, and
// the property suite.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client is one person with a session. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the shop at base, signed in as nobody. timeout
// limits one request.
func New(base string, timeout time.Duration) *Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it has no options that could be wrong
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Client{base: strings.TrimRight(base, "/"), http: &http.Client{
		Jar: jar, Timeout: timeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Leave closes the connections that wait for another request.
func (c *Client) Leave() { c.http.CloseIdleConnections() }

// Customer makes an account of a new customer at the shop, and signs in with it: staff may not
// act on orders and returns of their own.
func (c *Client) Customer(ctx context.Context) (*Client, error) {
	const password = "a customer's password"
	name := "customer-" + strings.ToLower(rand.Text()[:12])
	other := New(c.base, c.http.Timeout)
	if err := other.Register(ctx, name, password); err != nil {
		return nil, err
	}
	return other, other.SignIn(ctx, name, password)
}

// Beside is the same person at the address of another client.
func (c *Client) Beside(other *Client) *Client { return c.At(other.base) }

// At is the same person at another address: sessions are in the database, and
// the cookie goes along.
func (c *Client) At(base string) *Client {
	other := New(base, c.http.Timeout)
	if from, err := url.Parse(c.base); err == nil {
		if to, err := url.Parse(other.base); err == nil {
			other.http.Jar.SetCookies(to, c.http.Jar.Cookies(from))
		}
	}
	return other
}

// Response is what the shop answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the body into v.
func (a Response) JSON(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("%w in %d %.300s", err, a.Status, a.Body)
	}
	return nil
}

// StatusError is an answer that was not the one hoped for.
type StatusError struct {
	Request string
	Response
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %d %.300s", e.Request, e.Status, e.Body)
}

// StatusOf is the HTTP status of a StatusError, or 0: there was no answer.
func StatusOf(err error) int {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// Do sends a request. header is a list of names and values.
func (c *Client) Do(
	ctx context.Context,
	method, path, contentType string,
	body []byte,
	header ...string,
) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return Response{res.StatusCode, res.Header, data}, err
}

// Form posts a form.
func (c *Client) Form(ctx context.Context, path string, fields url.Values, header ...string) (Response, error) {
	return c.Do(ctx, http.MethodPost, path, "application/x-www-form-urlencoded", []byte(fields.Encode()), header...)
}

// Call posts in as JSON (or gets, where in is nil) and reads the answer into
// out, which may be nil. A status of 300 or more is a *StatusError; 202 is not.
func (c *Client) Call(ctx context.Context, path string, in, out any, header ...string) (Response, error) {
	method, contentType, body := http.MethodGet, "", []byte(nil)
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return Response{}, err
		}
		method, contentType, body = http.MethodPost, "application/json", data
	}
	a, err := c.Do(ctx, method, path, contentType, body, header...)
	if err != nil {
		return a, err
	}
	if a.Status >= 300 {
		return a, &StatusError{method + " " + path, a}
	}
	if out == nil {
		return a, nil
	}
	return a, a.JSON(out)
}

// Register makes an account.
func (c *Client) Register(ctx context.Context, name, password string) error {
	return c.redirected(
		c.Form(
			ctx,
			"/register",
			url.Values{"username": {name}, "email": {name + "@example.com"}, "password": {password}},
		),
	)
}

// SignIn begins a session.
func (c *Client) SignIn(ctx context.Context, name, password string) error {
	return c.redirected(c.Form(ctx, "/login", url.Values{"username": {name}, "password": {password}}))
}

func (c *Client) redirected(a Response, err error) error {
	if err != nil {
		return err
	}
	if a.Status != http.StatusFound {
		return &StatusError{"form", a}
	}
	return nil
}

// AddToCart puts units of a product into the cart.
func (c *Client) AddToCart(ctx context.Context, product int64, units int) error {
	a, err := c.Form(
		ctx,
		"/add_to_cart",
		url.Values{"product_id": {strconv.FormatInt(product, 10)}, "quantity": {strconv.Itoa(units)}},
	)
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return &StatusError{"add to cart", a}
	}
	return nil
}

// Outcome is what a checkout led to.
type Outcome string

// The outcomes of a checkout that was accepted.
const (
	Completed Outcome = "completed"
	Queued    Outcome = "queued"
)

// GoodCard is the number of a card that is charged.
const GoodCard = "4242424242424242"

// Checkout buys the cart: in cash, or by the card of that number. The key may
// be empty. What is not accepted is an error.
func (c *Client) Checkout(ctx context.Context, card, key string) (Outcome, error) {
	return c.CheckoutWith(ctx, "", card, key)
}

// CheckoutWith is Checkout with store credit that pays first: an amount such as
// 5.00, all, or nothing where it is empty.
func (c *Client) CheckoutWith(ctx context.Context, credit, card, key string) (Outcome, error) {
	fields := url.Values{"payment_method": {"Cash"}}
	if card != "" {
		fields = url.Values{
			"payment_method": {"Card"},
			"card_number":    {card},
			"card_exp_date":  {"12/2099"},
			"card_type":      {"Visa"},
		}
	}
	if credit != "" {
		fields.Set("store_credit", credit)
	}
	var header []string
	if key != "" {
		header = []string{"Idempotency-Key", key}
	}
	a, err := c.Form(ctx, "/checkout", fields, header...)
	switch {
	case err != nil:
		return "", err
	case a.Status != http.StatusOK:
		return "", &StatusError{"checkout", a}
	case bytes.Contains(a.Body, []byte("queued for retry")):
		return Queued, nil
	}
	return Completed, nil
}

// Order is an order as the shop shows it.
type Order struct {
	ID       string      `json:"id"`
	Number   string      `json:"number"`
	Status   string      `json:"status"`
	Total    json.Number `json:"total"`
	Currency string      `json:"currency"`
	Payments []Paid      `json:"payments"` // store credit first
	Items    []Item      `json:"items"`
}

// Paid is a payment of an order.
type Paid struct {
	Method string      `json:"method"`
	Amount json.Number `json:"amount"`
}

// Item is a line of an order.
type Item struct {
	ID         string `json:"sale_item_id"`
	ProductID  int64  `json:"product_id"`
	Quantity   int    `json:"quantity"`
	Returnable int    `json:"returnable_quantity"`
}

// Orders are the person's own, newest first.
func (c *Client) Orders(ctx context.Context) ([]Order, error) {
	var list struct{ Orders []Order }
	_, err := c.Call(ctx, "/api/orders", nil, &list)
	return list.Orders, err
}

// Return is a return case as the shop shows it.
type Return struct {
	ID      string `json:"id"`
	OrderID string `json:"sale_id"`
	Status  string `json:"status"`
	RMA     string `json:"rma_number"`
	Items   []struct {
		LineID   string `json:"sale_item_id"`
		Quantity int    `json:"quantity"`
		Accepted int    `json:"accepted_quantity"`
	} `json:"items"`
	Refund *Refund `json:"refund"`
}

// Refund is the money of a case.
type Refund struct {
	ID     string      `json:"id"`
	Amount json.Number `json:"amount"`
	Method string      `json:"method"`
	Status string      `json:"status"` // PENDING, COMPLETED, FAILED or UNKNOWN
	Legs   []Leg       `json:"legs"`
}

// Leg is the part of a refund that one payment of the order gives back.
type Leg struct {
	Payment string      `json:"payment"`
	Amount  json.Number `json:"amount"`
	Method  string      `json:"method"`
	Status  string      `json:"status"`
}

type caseAnswer struct {
	Return Return `json:"return"`
}

// RequestReturn asks for units of a line of an order to come back.
func (c *Client) RequestReturn(ctx context.Context, order, line string, units int) (Return, error) {
	var out caseAnswer
	_, err := c.Call(ctx, "/api/returns", map[string]any{
		"sale_id": order, "reason": "DAMAGED", "details": "it came broken",
		"items": []map[string]any{{"sale_item_id": line, "quantity": units}},
	}, &out)
	return out.Return, err
}

// Case reads a case as staff.
func (c *Client) Case(ctx context.Context, id string) (Return, error) {
	var out caseAnswer
	_, err := c.Call(ctx, "/api/admin/returns/"+id, nil, &out)
	return out.Return, err
}

// Cases reads the 100 newest cases as staff.
func (c *Client) Cases(ctx context.Context) ([]Return, error) {
	var list struct{ Returns []Return }
	_, err := c.Call(ctx, "/api/admin/returns", nil, &list)
	return list.Returns, err
}

// Act does something to a case as staff: authorize, shipment, receive,
// inspection or override, with its fields.
func (c *Client) Act(ctx context.Context, id, action string, fields map[string]any) (Return, error) {
	var out caseAnswer
	_, err := c.Call(ctx, "/api/admin/returns/"+id+"/"+action, fields, &out)
	return out.Return, err
}

// Approve takes a case that was asked for to the approved inspection.
func (c *Client) Approve(ctx context.Context, id string) (r Return, err error) {
	for _, step := range []struct {
		action string
		fields map[string]any
	}{
		{"authorize", map[string]any{"approve": true}},
		{"receive", map[string]any{}},
		{"inspection", map[string]any{"result": "APPROVED", "inspected_by": "test"}},
	} {
		if r, err = c.Act(ctx, id, step.action, step.fields); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Refund pays a case back as staff; method may be empty. The status is 200
// (paid) or 202 (open); anything else is an error.
func (c *Client) Refund(ctx context.Context, id, method string, header ...string) (Return, int, error) {
	var out caseAnswer
	a, err := c.Call(ctx, "/api/admin/returns/"+id+"/refund", map[string]any{"method": method}, &out, header...)
	return out.Return, a.Status, err
}

// Product is a product as the shop shows it.
type Product struct {
	ID    int64       `json:"id"`
	Name  string      `json:"name"`
	Price json.Number `json:"price"`
	Stock int         `json:"stock"`
}

// Products are all that is for sale.
func (c *Client) Products(ctx context.Context) ([]Product, error) {
	var list struct{ Products []Product }
	_, err := c.Call(ctx, "/api/products", nil, &list)
	return list.Products, err
}

// Stock is how many units of a product are on hand.
func (c *Client) Stock(ctx context.Context, product int64) (int, error) {
	list, err := c.Products(ctx)
	for _, p := range list {
		if p.ID == product {
			return p.Stock, nil
		}
	}
	return 0, errors.Join(err, fmt.Errorf("there is no product %d", product))
}

// NewProduct makes a product, as staff.
func (c *Client) NewProduct(ctx context.Context, name, price string, stock int) (int64, error) {
	var out struct{ Product Product }
	_, err := c.Call(ctx, "/api/admin/products", map[string]any{
		"name": name, "price": json.Number(price), "stock": stock, "category": "test", "country_of_origin": "China",
		"requires_shipping": true, "shipping_weight": json.Number("2"),
	}, &out)
	return out.Product.ID, err
}

// SetFaults replaces the fault plan of the simulator at base.
func SetFaults(ctx context.Context, base, plan string) error {
	a, err := New(base, 30*time.Second).Do(ctx, http.MethodPut, "/_sim/faults", "application/json", []byte(plan))
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return &StatusError{"PUT /_sim/faults", a}
	}
	return nil
}

// Until polls until done says so, and returns its last error when ctx ends.
func Until(ctx context.Context, every time.Duration, done func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := done(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting: %w", err)
		case <-tick.C:
		}
	}
}
