package partner

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// CSV reads feeds as RFC 4180 has them: a line of field names, then a line for each product.
type CSV struct{}

// Name returns the name of the format.
func (CSV) Name() string { return "CSV" }

// MediaTypes returns the content types that the format takes.
func (CSV) MediaTypes() []string { return []string{"text/csv", "application/csv"} }

// Records reads the products. A line that has more or fewer columns than the first, or a
// quote in the wrong place, is wrong for itself.
func (CSV) Records(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		in := csv.NewReader(withoutBOM(r))
		in.ReuseRecord = true
		head, err := in.Read()
		if errors.Is(err, io.EOF) {
			yield(Record{}, &FeedError{"the feed is empty; the first line names the fields"})
			return
		}
		if err != nil {
			yield(Record{}, csvError(err, "the first line"))
			return
		}
		if len(head) > maxFields {
			yield(Record{}, &FeedError{fmt.Sprintf("the first line names %d fields; at most %d", len(head), maxFields)})
			return
		}
		names := append([]string(nil), head...)
		if err := checkHead(names); err != nil {
			yield(Record{}, err)
			return
		}
		for row := 1; ; row++ {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			rec := Record{Row: row, Fields: map[string]string{}}
			var wrong *csv.ParseError
			switch {
			case errors.Is(err, csv.ErrFieldCount):
				rec.Err = &RowError{
					Row:     row,
					Message: fmt.Sprintf("it has %d columns; the first line names %d", len(cells), len(names)),
				}
			case errors.As(err, &wrong):
				rec.Err = &RowError{
					Row:     row,
					Message: fmt.Sprintf("line %d cannot be read: %s", wrong.Line, csvWords(wrong.Err)),
				}
			case err != nil:
				yield(Record{}, csvError(err, fmt.Sprintf("row %d", row)))
				return
			}
			for i := range min(len(cells), len(names)) {
				set(rec.Fields, names[i], cells[i])
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func checkHead(names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if seen[name] && name != "" {
			return &FeedError{fmt.Sprintf("the first line names %q twice", clip(name))}
		}
		seen[name] = true
	}
	if !seen["external_product_id"] && !seen["id"] {
		return &FeedError{"the first line names no external_product_id; it must name the fields, such as " +
			"external_product_id,name,price,stock"}
	}
	return nil
}

func csvError(err error, at string) error {
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return &FeedError{fmt.Sprintf("%s cannot be read: %s", at, csvWords(wrong.Err))}
	}
	return err
}

func csvWords(err error) string {
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return `a " stands in a field that does not begin with one`
	case errors.Is(err, csv.ErrQuote):
		return `a " is not closed, or text follows it`
	}
	return "it is not CSV"
}

// withoutBOM skips the mark that spreadsheets put before UTF-8.
func withoutBOM(r io.Reader) io.Reader {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	return in
}
