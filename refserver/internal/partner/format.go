package partner

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"strings"
)

// The limits of a feed. What is beyond them is refused with words, not cut off.
const (
	MaxBytes   = 10 << 20 // of a feed
	MaxRows    = 100_000  // products of a feed
	maxDepth   = 8        // of nested elements or objects
	maxFields  = 64       // of a product
	maxContent = 10_000   // bytes of a field
)

// Record is a product of the feed.
type Record struct {
	Row    int               // 1 is the first product
	Fields map[string]string // by name in lower case; what is absent or empty is not there
	// Err is what is wrong with this product alone, such as a line with too many columns.
	Err *RowError
}

// RowError says what is wrong with a product of a feed.
type RowError struct {
	Row     int    `json:"row"`
	Field   string `json:"field"` // empty: the product as a whole
	Message string `json:"message"`
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("row %d: %s", e.Row, e.Message) }

// FeedError says why a feed cannot be read at all, or not to its end.
type FeedError struct{ Message string }

// Error implements error.
func (e *FeedError) Error() string { return e.Message }

// ErrFormat is returned for a content type that no format takes.
var ErrFormat = errors.New("partner: no format takes this content type")

// Format reads the products of a feed. It never holds more than one of them, and stops with
// a *FeedError at what it cannot read on from. Implementations are values without state.
type Format interface {
	Name() string         // "CSV"
	MediaTypes() []string // that it takes, in lower case, such as "text/csv"
	Records(r io.Reader) iter.Seq2[Record, error]
}

// Formats are the formats that the shop takes.
var Formats = []Format{
	CSV{},
	JSON{},
	XML{},
}

// Reader finds formats by content type.
type Reader struct{ formats []Format }

// NewReader returns a Reader of the formats; of several that take a type the last wins.
func NewReader(formats ...Format) *Reader { return &Reader{formats} }

// ByType returns the format that takes the content type, parameters aside. The error wraps
// ErrFormat and names the types that are taken.
func (d *Reader) ByType(contentType string) (Format, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if charset := strings.ToLower(params["charset"]); err == nil && charset != "" && charset != "utf-8" {
		return nil, fmt.Errorf("%w: the charset is %s; a feed is UTF-8", ErrFormat, charset)
	}
	var types []string
	for i := len(d.formats) - 1; i >= 0; i-- {
		for _, t := range d.formats[i].MediaTypes() {
			if t == kind {
				return d.formats[i], nil
			}
			types = append(types, t)
		}
	}
	return nil, fmt.Errorf("%w: it is %q; send %s", ErrFormat, contentType, strings.Join(types, ", "))
}

// Records reads a feed and holds it to the limits that all formats share.
func Records(f Format, r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for rec, err := range f.Records(r) {
			if err == nil && rec.Row > MaxRows {
				err = &FeedError{fmt.Sprintf("the feed has more than %d products; send it in parts", MaxRows)}
			}
			if err != nil {
				yield(Record{}, err)
				return
			}
			if rec.Err == nil {
				rec.Err = checkFields(rec)
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func checkFields(rec Record) *RowError {
	if len(rec.Fields) > maxFields {
		return tooManyFields(rec.Row)
	}
	for name, text := range rec.Fields {
		if len(text) > maxContent {
			return &RowError{
				rec.Row,
				clip(name),
				fmt.Sprintf("%s has %d bytes; at most %d", clip(name), len(text), maxContent),
			}
		}
	}
	return nil
}

func tooManyFields(row int) *RowError {
	return &RowError{Row: row, Message: fmt.Sprintf("it has more than %d fields", maxFields)}
}

// set keeps a field unless it is empty.
func set(fields map[string]string, name, text string) {
	name, text = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(text)
	if name != "" && text != "" {
		fields[name] = text
	}
}

// clip is the start of a text that others wrote, fit to be repeated in a message.
func clip(s string) string {
	const limit = 60
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "..."
	}
	return s
}
