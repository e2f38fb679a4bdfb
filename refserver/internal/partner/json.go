package partner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// JSON reads feeds that are an array of objects, or an object whose field "products" is one.
type JSON struct{}

// Name returns the name of the format.
func (JSON) Name() string { return "JSON" }

// MediaTypes returns the content types that the format takes.
func (JSON) MediaTypes() []string { return []string{"application/json"} }

// Records reads the products, one object at a time.
func (JSON) Records(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		d := json.NewDecoder(withoutBOM(r))
		d.UseNumber()
		inObject, err := openProducts(d)
		if err != nil {
			yield(Record{}, jsonError(err))
			return
		}
		for row := 1; d.More(); row++ {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				yield(Record{}, jsonError(err))
				return
			}
			if !yield(jsonRecord(row, raw), nil) {
				return
			}
		}
		if err := closeProducts(d, inObject); err != nil {
			yield(Record{}, jsonError(err))
		}
	}
}

// openProducts reads up to the first product, and reports whether the array is a field of an object.
func openProducts(d *json.Decoder) (inObject bool, err error) {
	t, err := d.Token()
	if err != nil {
		return false, err
	}
	if t == json.Delim('[') {
		return false, nil
	}
	if t != json.Delim('{') {
		return false, errShape
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false, err
		}
		if name != "products" {
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return false, err
			}
			continue
		}
		t, err := d.Token()
		if err == nil && t != json.Delim('[') {
			err = errShape
		}
		return true, err
	}
	return false, errShape
}

// closeProducts reads to the end of the feed: one that was cut off, or to which something was
// added, is refused as a whole.
func closeProducts(d *json.Decoder, inObject bool) error {
	if _, err := d.Token(); err != nil { // the end of the array
		return err
	}
	for inObject && d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name == "products" {
			return &FeedError{`the feed has two fields "products"; it must have one`}
		}
		var other json.RawMessage
		if err := d.Decode(&other); err != nil {
			return err
		}
	}
	if inObject {
		if _, err := d.Token(); err != nil { // the end of the object
			return err
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &FeedError{"something follows the end of the JSON"}
	}
	return nil
}

var errShape = &FeedError{`a JSON feed is an array of products, or {"products": [...]}`}

func jsonError(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &FeedError{"the JSON ends too early"}
	case errors.As(err, &syntax):
		return &FeedError{fmt.Sprintf("it is not JSON: %s, at byte %d", syntax.Error(), syntax.Offset)}
	}
	return err
}

// jsonRecord makes texts of the values, and refuses what has none. It reads field by field, so
// that a product of a million fields is refused before they are kept.
func jsonRecord(row int, raw json.RawMessage) Record {
	rec := Record{Row: row, Fields: map[string]string{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		rec.Err = &RowError{Row: row, Message: "it is not an object"}
		return rec
	}
	for n := 1; d.More(); n++ {
		if n > maxFields {
			rec.Err = tooManyFields(row)
			return rec
		}
		name, value, err := jsonField(d)
		if err != nil {
			rec.Err = &RowError{row, clip(name), clip(name) + " is nested; it must be a text, a number, true or false"}
			return rec
		}
		set(rec.Fields, name, value)
	}
	return rec
}

var errNested = errors.New("nested")

// jsonField reads a field of an object as text; a null is the empty text.
func jsonField(d *json.Decoder) (name, text string, err error) {
	t, err := d.Token()
	if err != nil {
		return "", "", err
	}
	name, _ = t.(string)
	if t, err = d.Token(); err != nil {
		return name, "", err
	}
	switch v := t.(type) {
	case string:
		return name, v, nil
	case json.Number:
		return name, v.String(), nil
	case bool:
		return name, strconv.FormatBool(v), nil
	case json.Delim:
		return name, "", errNested
	}
	return name, "", nil
}
