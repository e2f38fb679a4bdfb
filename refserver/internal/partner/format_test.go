package partner_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/partner"
)

// read returns the products of a feed as texts, and how it ended.
func read(t *testing.T, contentType, feed string) (rows []string, err error) {
	t.Helper()
	f, err := partner.NewReader(partner.Formats...).ByType(contentType)
	if err != nil {
		return nil, err
	}
	for rec, err := range partner.Records(f, strings.NewReader(feed)) {
		if err != nil {
			return rows, err
		}
		item, wrong := partner.ParseItem(rec, "USD")
		if len(wrong) > 0 {
			for _, w := range wrong {
				rows = append(rows, fmt.Sprintf("%d %s: %s", w.Row, w.Field, w.Message))
			}
			continue
		}
		rows = append(
			rows,
			fmt.Sprintf("%d %s %s %d %s %d", item.Row, item.ExternalID, item.Name, item.Price, item.Currency,
				item.Stock),
		)
	}
	return rows, nil
}

func TestFormats(t *testing.T) {
	for name, test := range map[string]struct {
		kind, feed string
		want       []string
		fails      string
	}{
		"CSV": {
			"text/csv; charset=utf-8", "\ufeffExternal_Product_ID,name,price,stock,currency\r\na1,Lamp,10.50,3,\r\n" +
				"a2,\"Big, red\",7,0,eur\r\n",
			[]string{"1 a1 Lamp 1050 USD 3", "2 a2 Big, red 700 EUR 0"}, "",
		},
		"CSV, a line with too many columns": {
			"text/csv", "id,name,price,stock\na1,Lamp,1,1,1\na2,Desk,1,1\n",
			[]string{"1 : it has 5 columns; the first line names 4", "2 a2 Desk 100 USD 1"}, "",
		},
		"CSV, a quote in the wrong place": {
			"text/csv", "id,name,price,stock\na1,La\"mp,1,1\na2,Desk,1,1\n",
			[]string{
				`1 : line 2 cannot be read: a " stands in a field that does not begin with one`,
				"2 a2 Desk 100 USD 1",
			}, "",
		},
		"CSV without a first line": {"text/csv", "", nil, "the feed is empty; the first line names the fields"},
		"CSV without ids":          {"text/csv", "name,price\n", nil, "the first line names no external_product_id"},
		"CSV, a name twice":        {"text/csv", "id,name,Name\n", nil, `the first line names "name" twice`},
		"JSON": {
			"application/json", `[{"id":"a1","name":"Lamp","price":10.50,"stock":3},` +
				`{"id":7,"name":"Desk","price":"1","stock":0}]`,
			[]string{"1 a1 Lamp 1050 USD 3", "2 7 Desk 100 USD 0"}, "",
		},
		"JSON in an object": {
			"application/json", `{"at":{"x":[1]},` +
				`"products":[{"id":"a1","name":"Lamp","price":1,"stock":3,"category":null}]}`,
			[]string{"1 a1 Lamp 100 USD 3"}, "",
		},
		"JSON, nested": {
			"application/json",
			`[{"id":"a","name":{"x":1}},5]`,
			[]string{"1 name: name is nested; it must be a text, a number, true or false", "2 : it is not an object"},
			"",
		},
		"JSON, cut off": {
			"application/json",
			`[{"id":"a1","name":"Lamp","price":1,"stock":3}`,
			[]string{"1 a1 Lamp 100 USD 3"},
			"the JSON ends too early",
		},
		"JSON, an object cut off": {
			"application/json", `{"products":[{"id":"a1","name":"Lamp","price":1,"stock":3}]`,
			[]string{"1 a1 Lamp 100 USD 3"}, "the JSON ends too early",
		},
		"JSON in an object, with fields after it": {
			"application/json", `{"products":[{"id":"a1","name":"Lamp","price":1,"stock":3}],"n":{"x":[1]}} `,
			[]string{"1 a1 Lamp 100 USD 3"}, "",
		},
		"JSON, a field after it that cannot be read": {
			"application/json", `{"products":[{"id":"a1","name":"Lamp","price":1,"stock":3}],"n":}`,
			[]string{"1 a1 Lamp 100 USD 3"}, "it is not JSON",
		},
		"JSON, two lists": {
			"application/json", `{"products":[],"products":[{"id":"a1","name":"Lamp","price":1,"stock":3}]}`,
			nil, `two fields "products"`,
		},
		"JSON, and something after it": {
			"application/json", `[{"id":"a1","name":"Lamp","price":1,"stock":3}] []`,
			[]string{"1 a1 Lamp 100 USD 3"}, "something follows the end of the JSON",
		},
		"JSON, no list":   {"application/json", `{"items":[]}`, nil, `a JSON feed is an array of products`},
		"JSON, a text":    {"application/json", `"products"`, nil, `a JSON feed is an array of products`},
		"JSON, something": {"application/json", `[}`, nil, "it is not JSON"},
		"XML": {
			"application/xml", `<?xml version="1.0"?><products><product><id>a1</id><name>Lamp &amp; shade</name>` +
				`<price>10.50</price>` +
				`<stock>3</stock></product>` +
				`<product><id>a2</id><name><![CDATA[<3]]></name><price>1</price><stock>1</stock></product></products>`,
			[]string{"1 a1 Lamp & shade 1050 USD 3", "2 a2 <3 100 USD 1"}, "",
		},
		"XML with an entity of its own": {
			"text/xml", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` +
				`<products><product><id>&e;</id></product></products>`,
			nil, "an XML feed has no document type",
		},
		"XML with an entity nobody knows": {
			"text/xml",
			`<products><product><id>&e;</id></product></products>`,
			nil,
			"it is not XML that can be read",
		},
		"XML, nested": {
			"text/xml", `<products><product><id>a</id><name><b>x</b></name></product></products>`,
			[]string{"1 name: name is nested; it must be a text"}, "",
		},
		"XML, deep": {
			"text/xml",
			"<products><product>" + strings.Repeat("<a>", 50),
			nil,
			"the elements are nested deeper than 8",
		},
		"XML, other": {
			"text/xml",
			"<shop></shop>",
			nil,
			"the feed begins with <shop>; it must be one <products>",
		},
		"XML, two lists": {
			"text/xml",
			"<products></products><products></products>",
			nil,
			"it must be one <products>",
		},
		"XML, and something after it": {
			"text/xml", "<products></products>\n[]", nil, "text stands outside of <products>",
		},
		"XML, cut off": {"text/xml", "<products><product>", nil, "it is not XML that can be read"},
		"XML, another set": {
			"text/xml",
			`<?xml version="1.0" encoding="latin1"?><products/>`,
			nil,
			"it is not XML that can be read",
		},
		"another type":    {"text/plain", "", nil, `no format takes this content type: it is "text/plain"; send`},
		"another charset": {"text/csv; charset=latin1", "", nil, "the charset is latin1; a feed is UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, test.kind, test.feed)
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("read %q, want %q", got, test.want)
			}
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("it ended with %v, want %q", err, test.fails)
			}
		})
	}
}

func TestEveryMistakeOfAProductIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"no id":            {`,Lamp,1,1,,,,,,`, "external_product_id: external_product_id is missing"},
		"no name":          {`a,,1,1,,,,,,`, "name: name is missing"},
		"a price of words": {`a,Lamp,free,1,,,,,,`, `price: price is "free"; it must be a number of USD`},
		"a huge price":     {`a,Lamp,1e999999999,1,,,,,,`, `price: price is "1e999999999"`},
		"a negative price": {`a,Lamp,-1,1,,,,,,`, `price: price is "-1"`},
		"cents of cents": {
			`a,Lamp,1.001,1,,,,,,`,
			`price: price is "1.001"; it must be a number of USD from 0 to 10000000000.00 with at most 2 decimals`,
		},
		"half a stock": {
			`a,Lamp,1,1.5,,,,,,`,
			`stock: stock is "1.5"; it must be a whole number from 0 to 1000000000`,
		},
		"a huge stock": {`a,Lamp,1,99999999999999999999,,,,,,`, `stock: stock is "99999999999999999999"`},
		"a currency":   {`a,Lamp,1,1,DOLLARS,,,,,`, `currency: currency is "DOLLARS"`},
		"a weight":     {`a,Lamp,1,1,,heavy,,,,`, `shipping_weight: shipping_weight is "heavy"`},
		"a discount": {
			`a,Lamp,1,1,,,101,,,`,
			`discount_percent: discount_percent is "101"; it must be a number from 0 to 100`,
		},
		"a flag": {
			`a,Lamp,1,1,,,,maybe,,`,
			`requires_shipping: requires_shipping is "maybe"; it must be true or false`,
		},
		"a control character": {
			"a,La\x01mp,1,1,,,,,,", "name: name holds a control character or is not UTF-8",
		},
		"broken UTF-8": {"a,La\xffmp,1,1,,,,,,", "name: name holds a control character or is not UTF-8"},
		"a long name":  {"a," + strings.Repeat("x", 1000) + ",1,1,,,,,,", "name: name: "},
		"a long id": {
			strings.Repeat("x", 201) + ",Lamp,1,1,,,,,,",
			"external_product_id has 201 characters; at most 200",
		},
		"a long category": {"a,Lamp,1,1,,,,,," + strings.Repeat("x", 1000), "category: category: "},
		"an endless text": {
			"a,Lamp,1,1,,,,,," + strings.Repeat("x", 20_000),
			"category has 20000 bytes; at most 10000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(
				t,
				"text/csv",
				"external_product_id,name,price,stock,currency,shipping_weight,discount_percent,"+
					"requires_shipping,final_sale,category\n"+test.line+"\n",
			)
			if err != nil || len(got) != 1 || !strings.Contains(got[0], test.want) {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestWhatLooksHostileAndIsNotIsTaken(t *testing.T) {
	for _, name := range []string{
		"Select Drop Shoulder Union Jack", "O'Brien", "<3", "=cmd|' /C calc'!A0", "'; DROP TABLE orders; --",
		"<script>alert(1)</script>", "../../etc/passwd", "{{.}}", "%s%n", "Ⓤnion — Größe 40 €", "null", "true",
	} {
		csv := "id,name,price,stock\na,\"" + strings.ReplaceAll(name, `"`, `""`) + "\",1,1\n"
		got, err := read(t, "text/csv", csv)
		if err != nil || len(got) != 1 || got[0] != "1 a "+name+" 100 USD 1" {
			t.Errorf("%q is read as %q, %v", name, got, err)
		}
	}
}

// pipes is a format of somebody else's: fields with a | between them.
type pipes struct{}

func (pipes) Name() string         { return "pipes" }
func (pipes) MediaTypes() []string { return []string{"text/pipes"} }
func (pipes) Records(r io.Reader) iter.Seq2[partner.Record, error] {
	return func(yield func(partner.Record, error) bool) {
		text, err := io.ReadAll(r)
		if err != nil {
			yield(partner.Record{}, err)
			return
		}
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			cells := strings.Split(line, "|")
			fields := map[string]string{"id": cells[0], "name": cells[1], "price": cells[2], "stock": cells[3]}
			if !yield(partner.Record{Row: i + 1, Fields: fields}, nil) {
				return
			}
		}
	}
}

// TestAFormatIsOneFileAndOneLine is scenario M.1: the line is the last argument.
func TestAFormatIsOneFileAndOneLine(t *testing.T) {
	reader := partner.NewReader(append(partner.Formats, pipes{})...)
	f, err := reader.ByType("text/pipes")
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range partner.Records(f, strings.NewReader("a|Lamp|1|1")) {
		if item, wrong := partner.ParseItem(rec, "USD"); err != nil || len(wrong) > 0 || item.Name != "Lamp" {
			t.Errorf("%+v %v %v", item, wrong, err)
		}
	}
	if _, err := partner.NewReader(partner.Formats...).ByType("text/pipes"); !errors.Is(err, partner.ErrFormat) {
		t.Errorf("without it, text/pipes is %v", err)
	}
}

func TestAFeedHasAtMostSoManyProducts(t *testing.T) {
	var feed strings.Builder
	feed.WriteString("id,name,price,stock\n")
	for range partner.MaxRows + 1 {
		feed.WriteString("a,b,1,1\n")
	}
	rows := 0
	var last error
	for _, last = range partner.Records(partner.CSV{}, strings.NewReader(feed.String())) {
		rows++
	}
	var refused *partner.FeedError
	if !errors.As(last, &refused) || rows != partner.MaxRows+1 {
		t.Errorf("after %d rows: %v", rows, last)
	}
}

func FuzzFormats(f *testing.F) {
	f.Add("text/csv", "id,name,price,stock\na,Lamp,1,1\n")
	f.Add("application/json", `{"products":[{"id":"a","name":"Lamp","price":1,"stock":1}]}`)
	f.Add(
		"application/xml",
		`<products><product><id>a</id><name>Lamp</name><price>1</price><stock>1</stock></product></products>`,
	)
	f.Fuzz(func(t *testing.T, kind, feed string) {
		format, err := partner.NewReader(partner.Formats...).ByType(kind)
		if err != nil {
			return
		}
		row := 0
		for rec, err := range partner.Records(format, strings.NewReader(feed)) {
			if err != nil {
				return
			}
			if row++; rec.Row != row {
				t.Fatalf("row %d follows row %d", rec.Row, row-1)
			}
			item, wrong := partner.ParseItem(rec, "USD")
			if len(wrong) == 0 && (item.ExternalID == "" || item.Name == "" || item.Price < 0 || item.Stock < 0) {
				t.Fatalf("it takes %+v", item)
			}
		}
	})
}

// TestAProductOfAMillionFieldsTakesNoMemory: the fields are counted before they are kept.
func TestAProductOfAMillionFieldsTakesNoMemory(t *testing.T) {
	var feed strings.Builder
	feed.WriteString(`[{`)
	for i := range 500_000 {
		fmt.Fprintf(&feed, `"k%d":1,`, i)
	}
	feed.WriteString(`"id":"a"},{"id":"b","name":"Desk","price":1,"stock":1}]`)
	head := strings.Repeat("x", 10) + strings.Repeat(",y", 100) + "\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rows, err := read(t, "application/json", feed.String())
	runtime.ReadMemStats(&after)
	if err != nil || len(rows) != 2 ||
		!strings.Contains(rows[0], "more than 64 fields") || rows[1] != "2 b Desk 100 USD 1" {
		t.Errorf("%q, %v", rows, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8*uint64(feed.Len()) {
		t.Errorf("a feed of %d bytes took %d", feed.Len(), used)
	}
	if _, err := read(t, "text/csv", head); err == nil || !strings.Contains(err.Error(), "fields; at most 64") {
		t.Errorf("a first line of many columns: %v", err)
	}
}

// TestAFeedTakesNoMoreMemoryThanItHasBytes, a few times over: no format splits a record that is
// too large for anybody to look at.
func TestAFeedTakesNoMoreMemoryThanItHasBytes(t *testing.T) {
	const size = 8 << 20
	names, product := "id,name,price,stock\n", "<products><product"
	many := func(before, again, after string) string {
		return before + strings.Repeat(again, size/len(again)) + after
	}
	fields := &strings.Builder{}
	for i := 0; fields.Len() < size; i++ {
		fmt.Fprintf(fields, "<f%d>1</f%d>", i, i)
	}
	for what, c := range map[string]struct{ kind, feed, want string }{
		"a line of commas":          {"text/csv", many(names, ",", "\n"), "5000 columns"},
		"a first line of commas":    {"text/csv", many("", ",", "\n"), "5000 columns"},
		"columns over many lines":   {"text/csv", many(names, "\"x\n\",", "\n"), "5000 columns"},
		"a line without end":        {"text/csv", many(names, "x", "\n"), "1048576 bytes, in line 2"},
		"quotes without end":        {"text/csv", many(names+`"`, "x\n", ""), "1048576 bytes"},
		"commas after a lost quote": {"text/csv", many(names+`a"`, ",", "\n"), "1048576 bytes"},
		"attributes":                {"application/xml", many(product, " a=''", "/></products>"), "attributes"},
		"attributes with >":         {"application/xml", many(product, " a='>'", "/></products>"), "attributes"},
		"namespaces":                {"application/xml", many(product, " xmlns:a='b'", "/></products>"), "attributes"},
		"many small fields": {
			"application/xml", "<products><product>" + fields.String() + "</product></products>", "more than 64 fields",
		},
		"many small products": {"application/json", many("[{}", ",{}", "]"), "more than 100000 products"},
	} {
		t.Run(what, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, err := read(t, c.kind, c.feed)
			runtime.ReadMemStats(&after)
			if !strings.Contains(fmt.Sprint(rows, err), c.want) {
				t.Errorf("%.200q, %v; want %q", rows, err, c.want)
			}
			times := uint64(8)
			if strings.HasPrefix(what, "many small") {
				times = 64 // what is thrown away again, more of it under the race detector
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > times*size {
				t.Errorf("%d MiB for %d MiB", used>>20, len(c.feed)>>20)
			}
		})
	}
}

// TestLargeProductsAreTaken: 64 fields of 10,000 bytes, with commas, lines and quotes in them.
func TestLargeProductsAreTaken(t *testing.T) {
	text := strings.Repeat(`a,""=<>`+"\n", 1_000)
	head, row := "id,name,price,stock", "a,Lamp,1,1"
	for i := range 60 {
		head += fmt.Sprintf(",f%d", i)
		row += `,"` + text + `"`
	}
	rows, err := read(t, "text/csv", head+"\n"+row+"\n"+row+"\n")
	if err != nil || len(rows) != 2 || rows[1] != "2 a Lamp 100 USD 1" {
		t.Errorf("%.200q, %v", rows, err)
	}
}
