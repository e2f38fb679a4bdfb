package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"github.com/returnkit/returnkit/refserver/internal/quality"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
)

func s2() Scenario {
	return Scenario{quality.Scenario{
		ID: "S.2",
		Stimulus: "hostile input (SQL, scripts, formulas, XML entities, bombs, paths, huge numbers), and what only " +
			"looks like it",
		Measure: "hostile input that has an effect; innocent input that is refused",
		Target:  "none; none",
	}, runS2}
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
