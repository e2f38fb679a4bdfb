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
		in := csv.NewReader(&csvLimit{in: withoutBOM(r), line: 1})
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

// maxColumns and maxRecord are where a record ends the feed. Up to there it is wrong for itself:
// a csv.Reader splits all of a record before it can be looked at, and a column takes twenty times
// the memory that it took to send.
const (
	maxColumns = 5_000
	maxRecord  = 1 << 20 // bytes: over 64 fields of 10,000
)

// csvLimit passes CSV on, up to a record that is beyond the limits. It sees the records as
// csv.Reader does, which reads on in the next line after a quote that stands in the wrong place.
type csvLimit struct {
	in      io.Reader
	state   csvState
	line    int // 1 is the first
	columns int // of the record, without its first
	size    int // of the record
}

type csvState int

const (
	fieldStarts csvState = iota
	inText
	inQuotes
	quoteSeen // that ends the field, or is the first of two
	lineLost  // a quote in the wrong place: the record ends with the line
)

// Read implements io.Reader.
func (l *csvLimit) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for i, c := range p[:n] {
		l.next(c)
		if l.columns >= maxColumns || l.size > maxRecord {
			return i, &FeedError{fmt.Sprintf("a product has more than %d columns or %d bytes, in line %d",
				maxColumns, maxRecord, l.line)}
		}
	}
	return n, err
}

func (l *csvLimit) next(c byte) {
	l.size++
	if c == '\n' {
		l.line++
	}
	switch {
	case c == '\n' && l.state != inQuotes:
		l.state, l.columns, l.size = fieldStarts, 0, 0
	case c == ',' && l.state != inQuotes && l.state != lineLost:
		l.state = fieldStarts
		l.columns++
	default:
		l.state = l.state.after(c == '"')
	}
}

// after is the state after a character that ends neither field nor line.
func (s csvState) after(quote bool) csvState {
	switch {
	case s == fieldStarts && quote, s == quoteSeen && quote, s == inQuotes && !quote:
		return inQuotes
	case s == inQuotes:
		return quoteSeen
	case s == lineLost, s == quoteSeen, quote:
		return lineLost
	}
	return inText
}

// withoutBOM skips the mark that spreadsheets put before UTF-8.
func withoutBOM(r io.Reader) io.Reader {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	return in
}
