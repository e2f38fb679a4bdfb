package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// newPartner makes a partner with a key.
func (s *shop) newPartner(name string) (p partner.Partner, key, prefix string, err error) {
	name = fmt.Sprintf("%s %d", name, time.Now().UnixNano())
	if p, err = s.Partners.Create(s.ctx, partner.Params{Name: name}); err != nil {
		return p, "", "", err
	}
	key, k, err := s.Partners.NewKey(s.ctx, p.ID, time.Time{})
	return p, key, k.Prefix, err
}

// feed sends a feed with a key, and returns how it is answered.
func (s *shop) feed(key, kind, body string) (client.Response, error) {
	var headers []string
	if key != "" {
		headers = []string{"X-API-Key", key}
	}
	return client.New(s.url, time.Minute).
		Do(s.ctx, http.MethodPost, "/api/partner/ingest", kind, []byte(body),
			headers...)
}

const oneProduct = "id,name,price,stock\nx1,Lamp,1,1\n"

func s1() Scenario {
	return Scenario{quality.Scenario{
		ID:       "S.1",
		Stimulus: "feeds with no key, a wrong, an expired, a revoked one, and one of another partner's product",
		Measure:  "refused; whether the words or the time tell what is wrong; how keys are stored",
		Target:   "all, with the same words and in the same time; hashed",
		StandIn: "the time is compared by medians of 200 requests, which may differ by half; the code compares " +
			"hashes in constant time",
	}, runS1}
}

func runS1(_ context.Context, b *bench) (Result, error) {
	s, err := b.open("s1")
	if err != nil {
		return Result{}, err
	}
	good, revoked, short, err := b.partnerKeys(s)
	if err != nil {
		return Result{}, err
	}
	if answer, err := s.feed(good, "text/csv", oneProduct); err != nil || answer.Status != http.StatusOK {
		return Result{}, fmt.Errorf("a good key is answered %d: %w", answer.Status, err)
	}
	if _, _, err := b.until(time.Minute, func() (bool, error) {
		_, err := s.Partners.Authenticate(s.ctx, short)
		return errors.Is(err, partner.ErrKey), nil
	}); err != nil {
		return Result{}, err
	}
	wrong := good[:len(good)-1] + "0"
	bad := []string{"", wrong, short, revoked, "rkp_x"} // none, wrong, expired, revoked, made up
	refused, wordings, err := s.feedWith(bad)
	if err != nil {
		return Result{}, err
	}
	audited, kept, err := s.refusals()
	if err != nil {
		return Result{}, err
	}
	known, unknown, err := s.medians(wrong, "rkp_aaaaaaaa_"+strings.Repeat("A", 26))
	if err != nil {
		return Result{}, err
	}
	ratio := float64(known) / float64(unknown)
	var stored []string
	if err := s.DB.Read().NewRaw("SELECT CAST(hash AS TEXT) FROM ?(rk)partner_keys").Scan(s.ctx, &stored); err != nil {
		return Result{}, err
	}
	hashed := !strings.Contains(strings.Join(stored, "\n"), good)
	sound := refused == len(bad) && wordings == 1 && audited == len(bad) && kept && hashed
	return Result{
		Observed: fmt.Sprintf(
			"%d of %d refused, in %d wordings, %d in the audit; another partner's product untouched %v; "+
				"known to unknown prefix %s to %s; hashed %v",
			refused, len(bad), wordings, audited, kept, ms(known), ms(unknown), hashed,
		),
		Fulfilled: sound && ratio > 0.5 && ratio < 1.5,
		sound:     sound,
	}, nil
}

// refusals returns how many refused keys are in the audit, and whether products of others are kept.
func (s *shop) refusals() (audited int, kept bool, err error) {
	page, err := s.Audit.Entries(s.ctx, audit.Query{Type: "key.refused", Limit: 100})
	if err != nil {
		return 0, false, err
	}
	kept, err = s.keepsProducts()
	return len(page.Entries), kept, err
}

// keepsProducts reports whether a partner's feed leaves the product of another alone that has the
// same id.
func (s *shop) keepsProducts() (bool, error) {
	before, err := s.Orders.Products(s.ctx)
	if err != nil {
		return false, err
	}
	_, key, _, err := s.newPartner("South")
	if err != nil {
		return false, err
	}
	answer, err := s.feed(key, "text/csv", strings.Replace(oneProduct, "Lamp", "Taken over", 1))
	if err != nil || answer.Status != http.StatusOK {
		return false, fmt.Errorf("the feed of another partner is answered %d: %w", answer.Status, err)
	}
	after, err := s.Orders.Products(s.ctx)
	named := func(list []orders.Product, name string) (n int) {
		for _, p := range list {
			if p.Name == name {
				n++
			}
		}
		return n
	}
	return len(after) == len(before)+1 && named(after, "Lamp") == named(before, "Lamp"), err
}

// partnerKeys makes a partner with a key that is good, one that is revoked, unless the bench is
// broken, and one that expires soon.
func (b *bench) partnerKeys(s *shop) (good, revoked, short string, err error) {
	p, good, _, err := s.newPartner("North")
	if err != nil {
		return "", "", "", err
	}
	revoked, rk, err := s.Partners.NewKey(s.ctx, p.ID, time.Time{})
	if err != nil {
		return "", "", "", err
	}
	if !b.broken {
		if err := s.Partners.RevokeKey(s.ctx, p.ID, rk.Prefix); err != nil {
			return "", "", "", err
		}
	}
	short, _, err = s.Partners.NewKey(s.ctx, p.ID, time.Now().Add(150*time.Millisecond))
	return good, revoked, short, err
}

// feedWith sends a feed with each key. It returns how many were refused, and in how many wordings.
func (s *shop) feedWith(keys []string) (refused, wordings int, err error) {
	words := map[string]bool{}
	for _, key := range keys {
		answer, err := s.feed(key, "text/csv", oneProduct)
		if err != nil {
			return 0, 0, err
		}
		if answer.Status == http.StatusUnauthorized {
			refused++
		}
		words[string(answer.Body)] = true
	}
	return refused, len(words), nil
}

// medians is how long each of two keys takes to be refused. They take turns, so that what else the
// machine does in the meantime falls to both.
func (s *shop) medians(a, b string) (first, second time.Duration, err error) {
	var took [2][]time.Duration
	for range 200 {
		for i, key := range []string{a, b} {
			begun := time.Now()
			if _, err := s.Partners.Authenticate(s.ctx, key); !errors.Is(err, partner.ErrKey) {
				return 0, 0, fmt.Errorf("a bad key is taken: %w", err)
			}
			took[i] = append(took[i], time.Since(begun))
		}
	}
	return percentile(took[0], 50), percentile(took[1], 50), nil
}

func m1() Scenario {
	return Scenario{quality.Scenario{
		ID:       "M.1",
		Stimulus: "a partner sends a format that the shop does not know",
		Measure:  "hours of work until it is taken in",
		Target:   "less than 20 hours",
		StandIn: "a format is one type with three methods and one line that registers it: one is registered in " +
			"this run and its feed read",
	}, runM1}
}

// lines is a format of somebody else's.
type lines struct{}

func (lines) Name() string         { return "lines" }
func (lines) MediaTypes() []string { return []string{"text/lines"} }
func (lines) Records(r io.Reader) iter.Seq2[partner.Record, error] {
	return func(yield func(partner.Record, error) bool) {
		data, err := io.ReadAll(r)
		if err != nil {
			yield(partner.Record{}, err)
			return
		}
		for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			cells := append(strings.Split(line, "|"), "", "", "", "")
			fields := map[string]string{"id": cells[0], "name": cells[1], "price": cells[2], "stock": cells[3]}
			if !yield(partner.Record{Row: i + 1, Fields: fields}, nil) {
				return
			}
		}
	}
}

func runM1(_ context.Context, b *bench) (Result, error) {
	formats := append([]partner.Format{}, partner.Formats...)
	if !b.broken {
		formats = append(formats, lines{}) // the one line
	}
	f, err := partner.NewReader(formats...).ByType("text/lines")
	read := 0
	if err == nil {
		for rec, err := range partner.Records(f, strings.NewReader("a|Lamp|1.50|3\nb|Desk|20|1")) {
			if err != nil {
				return Result{}, err
			}
			if _, wrong := partner.ParseItem(rec, "USD"); len(wrong) == 0 {
				read++
			}
		}
	}
	return Result{
		Observed:  fmt.Sprintf("%d of 2 products read by a format registered in this run", read),
		Fulfilled: read == 2,
	}, nil
}

func i1() Scenario {
	return Scenario{quality.Scenario{
		ID:       "I.1",
		Stimulus: "a reseller's interface sends orders in another shape",
		Measure:  "hours of work until they are taken",
		Target:   "less than 16 hours",
		StandIn: "an adapter is one type with two methods and one line: orders of two shapes are placed in this " +
			"run, each once",
	}, runI1}
}

func runI1(_ context.Context, b *bench) (Result, error) {
	s, err := b.open("i1")
	if err != nil {
		return Result{}, err
	}
	_, key, _, err := s.newPartner("Reseller")
	if err != nil {
		return Result{}, err
	}
	if _, err := s.feed(key, "text/csv", "id,name,price,stock\np1,Lamp,10,5\n"); err != nil {
		return Result{}, err
	}
	shapes := map[string]string{
		"plain":       `{"order_number":"A-1","lines":[{"product":"p1","quantity":1}]}`,
		"marketplace": `{"ref":"A-2","basket":{"entries":[{"sku":"p1","qty":"1"}]}}`,
	}
	if b.broken {
		shapes["fax"] = `{}`
	}
	placed := map[string]bool{}
	reseller := client.New(s.url, time.Minute)
	taken := 0
	for range 2 { // each is sent twice
		for adapter, body := range shapes {
			answer, err := reseller.Do(
				s.ctx, http.MethodPost, "/api/orders/external?adapter="+adapter, "application/json", []byte(body),
				"X-API-Key", key,
			)
			if err != nil {
				return Result{}, err
			}
			var out struct{ Order struct{ ID string } }
			if answer.Status == http.StatusOK && answer.JSON(&out) == nil {
				placed[out.Order.ID] = true
				taken++
			}
		}
	}
	return Result{
		Observed: fmt.Sprintf(
			"%d of %d orders of %d shapes taken, sent twice: %d placed", taken, 2*len(shapes), len(shapes), len(placed),
		),
		Fulfilled: taken == 2*len(shapes) && len(placed) == len(shapes),
	}, nil
}
