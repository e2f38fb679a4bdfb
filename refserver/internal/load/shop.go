package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// client speaks to the shop beside the measured load.
type client struct {
	base string
	http *http.Client
}

func newClient(base string) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 512, 512
	return &client{base: base, http: &http.Client{
		Transport: transport, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what a request brought.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *client) do(ctx context.Context, method, path, cookie, contentType string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return answer{res.StatusCode, res.Header, data}, err
}

func (c *client) form(ctx context.Context, path, cookie string, fields url.Values) (answer, error) {
	return c.do(ctx, http.MethodPost, path, cookie, "application/x-www-form-urlencoded", []byte(fields.Encode()))
}

// signIn returns the session cookie.
func (c *client) signIn(ctx context.Context, name, password string) (string, error) {
	a, err := c.form(ctx, "/login", "", url.Values{"username": {name}, "password": {password}})
	if err != nil {
		return "", err
	}
	if a.status != http.StatusFound {
		return "", fmt.Errorf("signing in as %s: the shop answered %d", name, a.status)
	}
	var cookies []string
	for _, line := range a.header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		cookies = append(cookies, pair)
	}
	if len(cookies) == 0 {
		return "", fmt.Errorf("signing in as %s: the shop set no cookie", name)
	}
	return strings.Join(cookies, "; "), nil
}

// user is a customer: signed in, with a filled cart while in the ready queue.
type user struct {
	cookie string
	card   bool
	// began is when the checkout under way was sent. The targeter writes it, and it is
	// read with the result: one customer has one checkout at a time.
	began time.Time
}

// password is for the customers this program makes; they own nothing.
const password = "load-customer-92587"

// prepare makes and signs in the customers and fills their carts.
func (r *run) prepare(ctx context.Context) error {
	next := make(chan int)
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		done  int
	)
	stamp := strconv.FormatInt(time.Now().UnixNano(), 36)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range 16 {
		group.Go(func() {
			for i := range next {
				err := r.prepareUser(ctx, i, fmt.Sprintf("load_%s_%d", stamp, i))
				mu.Lock()
				if done++; err != nil {
					errs = append(errs, err)
					cancel()
				}
				if done%100 == 0 || done == len(r.users) {
					r.say("prepared %d of %d customers", done, len(r.users))
				}
				mu.Unlock()
			}
		})
	}
	for i := range r.users {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	group.Wait()
	if len(errs) > 0 {
		return fmt.Errorf("load: prepare customers: %w", errs[0])
	}
	return ctx.Err()
}

func (r *run) prepareUser(ctx context.Context, i int, name string) error {
	a, err := r.shop.form(
		ctx,
		"/register",
		"",
		url.Values{"username": {name}, "email": {name + "@example.com"}, "password": {password}},
	)
	if err != nil {
		return err
	}
	if a.status == http.StatusTooManyRequests {
		return fmt.Errorf("registering %s: the shop lets no more accounts be made from here in this hour: "+
			"start it with a higher REGISTRATIONS_PER_HOUR, or run with fewer users", name)
	}
	if a.status != http.StatusFound {
		return fmt.Errorf("registering %s: the shop answered %d", name, a.status)
	}
	cookie, err := r.shop.signIn(ctx, name, password)
	if err != nil {
		return err
	}
	r.users[i] = user{cookie: cookie, card: i*r.options.CardPercent/100 != (i+1)*r.options.CardPercent/100}
	return r.fill(ctx, i)
}

// fill puts one unit into the cart of a customer and marks it ready.
func (r *run) fill(ctx context.Context, i int) error {
	a, err := r.shop.form(ctx, "/add_to_cart", r.users[i].cookie, url.Values{
		"product_id": {strconv.FormatInt(r.products[int(r.bought.Add(1))%len(r.products)], 10)}, "quantity": {"1"},
	})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("filling a cart: the shop answered %d: %.200s", a.status, a.body)
	}
	r.ready <- i
	return nil
}

// stockUp settles what is bought and makes sure that the run can't sell out.
func (r *run) stockUp(ctx context.Context) error {
	var list struct {
		Products []struct {
			ID    int64 `json:"id"`
			Stock int   `json:"stock"`
		} `json:"products"`
	}
	if err := r.getJSON(ctx, "/api/products", &list); err != nil {
		return err
	}
	several := r.options.Products > 1
	need := r.options.stock()
	for _, p := range list.Products {
		if !several && p.ID != r.options.ProductID || several && len(r.products) == r.options.Products {
			continue
		}
		if p.Stock < need {
			if err := r.sell(ctx, fmt.Sprintf("/%d", p.ID), map[string]any{"stock": need}, nil); err != nil {
				return err
			}
		}
		r.products = append(r.products, p.ID)
	}
	if !several {
		if len(r.products) == 0 {
			return fmt.Errorf("load: the shop has no product %d", r.options.ProductID)
		}
		return nil
	}
	for len(r.products) < r.options.Products {
		var made struct {
			Product struct {
				ID int64 `json:"id"`
			} `json:"product"`
		}
		fields := map[string]any{
			"name":  fmt.Sprintf("Load product %d", len(r.products)+1),
			"price": 9.99,
			"stock": need,
		}
		if err := r.sell(ctx, "", fields, &made); err != nil {
			return err
		}
		r.products = append(r.products, made.Product.ID)
	}
	return nil
}

// sell makes or changes a product.
func (r *run) sell(ctx context.Context, path string, fields map[string]any, answer any) error {
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	a, err := r.shop.do(ctx, http.MethodPost, "/api/admin/products"+path, r.admin, "application/json", body)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("load: stocking up: the shop answered %d: %.200s", a.status, a.body)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(a.body, answer)
}

func (r *run) getJSON(ctx context.Context, path string, v any) error {
	a, err := r.shop.do(ctx, http.MethodGet, path, r.admin, "", nil)
	if err != nil {
		return fmt.Errorf("load: GET %s: %w", path, err)
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("load: GET %s: the shop answered %d", path, a.status)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("load: GET %s: %w", path, err)
	}
	return nil
}

// Card is an SLO card of the dashboard.
type Card struct {
	ID     string      `json:"id"`
	Value  json.Number `json:"value"` // per cent; empty: nothing happened
	Target json.Number `json:"target"`
	State  string      `json:"state"` // fulfilled, needs_attention or no_data
	Total  int         `json:"total"` // of what it counts: orders
}

// cardsBehind is how far the cards may be behind what happened.
const cardsBehind = 15 * time.Second

// cards asks for the service levels since the run began, in the shortest
// window that the shop has. They are some seconds behind: it waits until the
// orders of the run are in them, or could be.
func (r *run) cards(ctx context.Context, s *Summary) ([]Card, error) {
	window := max(10*time.Minute, time.Since(s.Started)+cardsBehind).Round(time.Second)
	deadline := time.Now().Add(cardsBehind)
	for {
		var list struct {
			Cards []Card `json:"cards"`
		}
		if err := r.getJSON(ctx, "/api/admin/slo?window="+window.String(), &list); err != nil {
			return nil, err
		}
		behind := slices.ContainsFunc(list.Cards, func(c Card) bool { return c.Total < s.Accepted() })
		if !behind || time.Now().After(deadline) {
			return list.Cards, nil
		}
		if err := resilience.Sleep(ctx, 500*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// queued is how many orders wait for the payment provider.
func (r *run) queued(ctx context.Context) (int, error) {
	var list struct {
		Queued int `json:"queued_orders"`
	}
	return list.Queued, r.getJSON(ctx, "/api/admin/slo", &list)
}

// faults replaces the fault plan of the payment simulator.
func (r *run) faults(ctx context.Context, plan string) error {
	provider := newClient(r.options.ProviderURL)
	a, err := provider.do(ctx, http.MethodPut, "/_sim/faults", "", "application/json", []byte(plan))
	if err != nil {
		return fmt.Errorf("load: the payment simulator at %s: %w", r.options.ProviderURL, err)
	}
	if a.status/100 != 2 {
		return fmt.Errorf(
			"load: the payment simulator at %s answered %d: %.200s",
			r.options.ProviderURL,
			a.status,
			a.body,
		)
	}
	return nil
}

// ledger counts what the provider truly charged.
func (r *run) ledger(ctx context.Context) (charges, double int, err error) {
	provider := newClient(r.options.ProviderURL)
	a, err := provider.do(ctx, http.MethodGet, "/_sim/ledger", "", "", nil)
	if err != nil {
		return 0, 0, fmt.Errorf("load: the provider's ledger: %w", err)
	}
	var list struct {
		Charges []struct {
			Order string `json:"order"`
		} `json:"charges"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return 0, 0, errors.Join(errors.New("load: the provider's ledger"), err)
	}
	seen := map[string]bool{}
	for _, c := range list.Charges {
		if seen[c.Order] {
			double++
		}
		seen[c.Order] = true
	}
	return len(list.Charges), double, nil
}
