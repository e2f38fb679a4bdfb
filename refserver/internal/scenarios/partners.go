package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"iter"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/partner"
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
	return client.New(s.url, time.Minute).Do(
		s.ctx,
		http.MethodPost,
		"/api/partner/ingest",
		kind,
		[]byte(body),
		headers...)
}

const oneProduct = "id,name,price,stock\nx1,Lamp,1,1\n"

func s1() Scenario {
	return Scenario{
		ID:       "S.1",
		Stimulus: "feeds with no key, a wrong, an expired, a revoked one, and one of another partner's product",
		Measure:  "refused; whether the words or the time tell what is wrong; how keys are stored",
		Target:   "all, with the same words and in the same time; hashed",
		StandIn: "the time is compared by medians of 200 requests, which may differ by half; the code compares " +
			"hashes in constant time",
		run: runS1,
	}
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
	known, err := s.median(wrong)
	if err != nil {
		return Result{}, err
	}
	unknown, err := s.median("rkp_aaaaaaaa_" + strings.Repeat("A", 26))
	if err != nil {
		return Result{}, err
	}
	ratio := float64(known) / float64(unknown)
	var stored []string
	if err := s.DB.Read().NewRaw("SELECT CAST(hash AS TEXT) FROM ?(rk)partner_keys").Scan(s.ctx, &stored); err != nil {
		return Result{}, err
	}
	hashed := !strings.Contains(strings.Join(stored, "\n"), good)
	return Result{
		Observed: fmt.Sprintf(
			"%d of %d refused, in %d wordings; known to unknown prefix %s to %s; hashed %v", refused, len(bad),
			wordings, ms(known), ms(unknown), hashed,
		),
		Fulfilled: refused == len(bad) && wordings == 1 && ratio > 0.5 && ratio < 1.5 && hashed,
		sound:     refused == len(bad) && wordings == 1 && hashed,
	}, nil
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

// median is how long a key takes to be refused.
func (s *shop) median(key string) (time.Duration, error) {
	var all []time.Duration
	for range 200 {
		begun := time.Now()
		if _, err := s.Partners.Authenticate(s.ctx, key); !errors.Is(err, partner.ErrKey) {
			return 0, fmt.Errorf("a bad key is taken: %w", err)
		}
		all = append(all, time.Since(begun))
	}
	return percentile(all, 50), nil
}

func s2() Scenario {
	return Scenario{
		ID: "S.2",
		Stimulus: "hostile input (SQL, scripts, formulas, XML entities, bombs, paths, huge numbers), and what only " +
			"looks like it",
		Measure: "hostile input that has an effect; innocent input that is refused",
		Target:  "none; none",
		run:     runS2,
	}
}

// innocent are names of products that look like an attack.
var innocent = []string{
	"Select Drop Shoulder Union Jack", "O'Brien", "<3", "Insert; Update & Delete", "=SUM of its parts",
	"-- the dash --",
	"../best/of", "%00 Cotton", "null", "Größe 40 — <b>bold</b> taste", "' OR '1'='1", "<script>alert(1)</script>",
	"'; DROP TABLE rk_products; --", "{{.Secret}}", "${jndi:ldap://x}",
}

// hostile are feeds that must be refused, or taken in as nothing.
var hostile = map[string]string{
	"an XML entity": `<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/passwd">]><products><product><id>e</id><name>` +
		`&e;</name><price>1</price><stock>1</stock></product></products>`,
	"an XML bomb": `<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b ` +
		`"&a;&a;&a;&a;&a;&a;&a;&a;">]><products><product><id>&b;</id></product></products>`,
	"deep XML":       "<products><product>" + strings.Repeat("<a>", 100_000),
	"deep JSON":      strings.Repeat("[", 100_000),
	"a huge number":  `[{"id":"h1","name":"H","price":1e999999,"stock":1}]`,
	"a huge stock":   `[{"id":"h2","name":"H","price":1,"stock":99999999999999999999}]`,
	"a negative one": `[{"id":"h3","name":"H","price":-5,"stock":-1}]`,
	"a NUL":          `[{"id":"h4","name":"H\u0000","price":1,"stock":1}]`,
}

func runS2(_ context.Context, b *bench) (Result, error) {
	s, err := b.open("s2")
	if err != nil {
		return Result{}, err
	}
	_, key, _, err := s.newPartner("North")
	if err != nil {
		return Result{}, err
	}
	names, effects := innocent, 0
	if b.broken {
		names = append([]string{"a NUL \x00"}, innocent...)
	}
	taken, err := s.feedNames(key, names)
	if err != nil {
		return Result{}, err
	}
	before, err := s.admin.Products(s.ctx)
	if err != nil {
		return Result{}, err
	}
	for _, feed := range hostile {
		kind := "application/json"
		if strings.HasPrefix(feed, "<") {
			kind = "application/xml"
		}
		if answer, err := s.feed(key, kind, feed); err != nil || answer.Status >= http.StatusInternalServerError {
			effects++
		}
	}
	more, err := s.attackPages()
	if err != nil {
		return Result{}, err
	}
	effects += more
	after, err := s.admin.Products(s.ctx)
	if err != nil {
		return Result{}, err
	}
	page, err := s.admin.Do(s.ctx, http.MethodGet, "/", "", nil)
	if err != nil {
		return Result{}, err
	}
	if len(after) != len(before) || strings.Contains(string(page.Body), "<script>alert(1)") {
		effects++
	}
	return Result{
		Observed: fmt.Sprintf("%d of %d hostile inputs had an effect; %d of %d innocent ones were refused", effects,
			len(hostile)+len(hostilePaths)+len(bombs()), len(names)-taken, len(names)),
		Fulfilled: effects == 0 && taken == len(names),
	}, nil
}

// feedNames sends a feed of one product for each name, and returns how many were taken in.
func (s *shop) feedNames(key string, names []string) (taken int, err error) {
	for i, name := range names {
		row := fmt.Sprintf("i%d,\"%s\",1,1\n", i, strings.ReplaceAll(name, `"`, `""`))
		answer, err := s.feed(key, "text/csv", "id,name,price,stock\n"+row)
		if err != nil {
			return 0, err
		}
		if strings.Contains(string(answer.Body), `"accepted":1`) {
			taken++
		}
	}
	return taken, nil
}

// hostilePaths must not lead to a file or an error of ours.
var hostilePaths = []string{
	"/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/photos/../../data", "/photos/%00",
	"/admin/returns/'%20OR%201=1", "/returns?page=99999999999999999999", "/?q=%27%3B%20DROP%20TABLE%20rk_products",
}

// bombs are photos that are small and would be huge.
func bombs() map[string][]byte {
	out := map[string][]byte{"not an image": []byte("<?php echo 1; ?>")}
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		return out
	}
	huge := bytes.Clone(small.Bytes())
	copy(huge[16:24], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65,536 x 65,536
	out["an image of 4 gigapixels"] = huge
	return out
}

// attackPages returns how many hostile requests had an effect.
func (s *shop) attackPages() (effects int, err error) {
	for _, path := range hostilePaths {
		answer, err := s.admin.Do(s.ctx, http.MethodGet, path, "", nil)
		if err != nil {
			return 0, err
		}
		if answer.Status >= http.StatusInternalServerError || strings.Contains(string(answer.Body), "root:") {
			effects++
		}
	}
	buyer, err := s.customer("s2")
	if err != nil {
		return 0, err
	}
	if err := buyer.AddToCart(s.ctx, 2, 1); err != nil {
		return 0, err
	}
	if _, err := buyer.Checkout(s.ctx, "", ""); err != nil {
		return 0, err
	}
	list, err := buyer.Orders(s.ctx)
	if err != nil {
		return 0, err
	}
	for name, photo := range bombs() {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		for field, value := range map[string]string{
			"sale_id": list[0].ID, "reason": "DAMAGED", "quantity_" + list[0].Items[0].ID: "1",
		} {
			_ = w.WriteField(field, value) // to memory
		}
		part, _ := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {
				`form-data; name="photos"; filename="../../` + strings.ReplaceAll(name, " ", "") + `.png"`,
			},
		})
		_, _ = part.Write(photo)
		_ = w.Close()
		answer, err := buyer.Do(s.ctx, http.MethodPost, "/returns/request", w.FormDataContentType(), form.Bytes())
		if err != nil {
			return 0, err
		}
		if answer.Status < http.StatusBadRequest || answer.Status >= http.StatusInternalServerError {
			effects++
		}
	}
	return effects, nil
}

func m1() Scenario {
	return Scenario{
		ID:       "M.1",
		Stimulus: "a partner sends a format that the shop does not know",
		Measure:  "hours of work until it is taken in",
		Target:   "less than 20 hours",
		StandIn: "a format is one type with three methods and one line that registers it: one is registered in " +
			"this run and its feed read",
		run: runM1,
	}
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
	return Scenario{
		ID:       "I.1",
		Stimulus: "a reseller's interface sends orders in another shape",
		Measure:  "hours of work until they are taken",
		Target:   "less than 16 hours",
		StandIn: "an adapter is one type with two methods and one line: orders of two shapes are placed in this " +
			"run, each once",
		run: runI1,
	}
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

func u2() Scenario {
	return Scenario{
		ID:       "U.2",
		Stimulus: "a feed of 10,000 products",
		Measure:  "when its progress is first seen; whether it goes back; its end; what a reload shows",
		Target:   "in the first second; never; 100 %; the same",
		run:      runU2,
	}
}

func runU2(ctx context.Context, b *bench) (Result, error) {
	s, err := b.open("u2")
	if err != nil {
		return Result{}, err
	}
	_, key, _, err := s.newPartner("North")
	if err != nil {
		return Result{}, err
	}
	n := b.of(1000, 10_000)
	feed := productFeed(n)
	begun := time.Now()
	id, err := s.startFeed(key, feed)
	if err != nil {
		return Result{}, err
	}
	seen, err := b.watchFeed(ctx, s, id, begun)
	if err != nil {
		return Result{}, err
	}
	reload := client.New(s.url, time.Minute)
	if err := reload.SignIn(ctx, s.Config.SuperAdminUsername, string(s.Config.SuperAdminPassword)); err != nil {
		return Result{}, err
	}
	again, err := progressOf(ctx, reload, id)
	if err != nil {
		return Result{}, err
	}
	last := seen.last
	whole := last.State == "done" && last.Percent == 100 && last.Accepted == n
	sound := seen.back == 0 && whole && again == last
	return Result{
		Observed: fmt.Sprintf(
			"seen after %s, looked at %d times, went back %d times, ended %s at %d %% with %d of %d products after %s",
			ms(seen.first), seen.looks, seen.back, last.State, last.Percent, last.Accepted, n, ms(time.Since(begun)),
		),
		Fulfilled: seen.first < time.Second && sound,
		sound:     sound,
	}, nil
}

// productFeed is a feed of n products, as CSV.
func productFeed(n int) string {
	var feed strings.Builder
	feed.WriteString("id,name,price,stock\n")
	for i := range n {
		fmt.Fprintf(&feed, "p%d,Product %d,1.%02d,1\n", i, i, i%100)
	}
	return feed.String()
}

// startFeed sends a feed that is worked on after the answer, and returns the id of its progress.
func (s *shop) startFeed(key, feed string) (id string, err error) {
	answer, err := s.feed(key, "text/csv", feed)
	if err != nil {
		return "", err
	}
	var started struct {
		ID string `json:"operation_id"`
	}
	err = answer.JSON(&started)
	return started.ID, err
}

// progress is what the shop reports of a feed.
type progress struct {
	Percent, Done, Accepted int
	State                   string
}

func progressOf(ctx context.Context, c *client.Client, id string) (p progress, err error) {
	_, err = c.Call(ctx, "/api/progress/"+id, nil, &p)
	return p, err
}

// watched is what was seen of a feed's progress: when first, how often, how often it went back,
// and its end.
type watched struct {
	first       time.Duration
	looks, back int
	last        progress
}

// watchFeed looks at the progress of a feed until it has ended.
func (b *bench) watchFeed(ctx context.Context, s *shop, id string, begun time.Time) (w watched, err error) {
	_, _, err = b.until(5*time.Minute, func() (bool, error) {
		p, err := progressOf(ctx, s.admin, id)
		if err != nil {
			return false, err
		}
		if w.looks++; w.looks == 1 {
			w.first = time.Since(begun)
		}
		if p.Percent < w.last.Percent || p.Done < w.last.Done {
			w.back++
		}
		w.last = p
		if b.broken && p.Done > 0 && p.State == "running" {
			_, err = s.admin.Call(ctx, "/api/progress/"+id+"/cancel", map[string]any{}, nil)
		}
		return p.State != "running", err
	})
	return w, err
}
