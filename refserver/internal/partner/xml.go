package partner

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// XML reads feeds that are a list of product elements, whose children are the fields:
//
//	<products><product><name>Lamp</name>...</product></products>
//
// A document type and custom entities are refused.
type XML struct{}

// Name returns the name of the format.
func (XML) Name() string { return "XML" }

// MediaTypes returns the content types that the format takes.
func (XML) MediaTypes() []string { return []string{"application/xml", "text/xml"} }

// Records reads the products, one element at a time.
func (XML) Records(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		d := xml.NewDecoder(&xmlLimit{in: withoutBOM(r)})
		f := &xmlFeed{d: d}
		for {
			rec, err := f.next()
			if errors.Is(err, io.EOF) && f.opened && len(f.path) == 0 {
				return
			}
			if err != nil {
				yield(Record{}, xmlError(err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

type xmlFeed struct {
	d      *xml.Decoder
	path   []string // of the elements that are open
	opened bool
	row    int
}

// next reads one product: products is the first element, product the second.
func (f *xmlFeed) next() (Record, error) {
	rec := Record{Fields: map[string]string{}}
	var text strings.Builder
	for {
		t, err := f.d.Token()
		if err != nil {
			return Record{}, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return Record{}, &FeedError{"an XML feed has no document type"}
		case xml.StartElement:
			if err := f.open(t.Name.Local, &rec); err != nil {
				return Record{}, err
			}
			text.Reset()
		case xml.CharData:
			if len(f.path) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return Record{}, &FeedError{"text stands outside of <products>"}
			}
			if text.Len()+len(t) <= maxContent+1 {
				text.Write(t)
			}
		case xml.EndElement:
			depth := len(f.path)
			f.path = f.path[:depth-1]
			switch {
			case depth == 3 && len(rec.Fields) > maxFields:
				rec.Err = cmp.Or(rec.Err, tooManyFields(rec.Row))
			case depth == 3:
				set(rec.Fields, t.Name.Local, text.String())
			case depth == 2:
				return rec, nil
			}
			text.Reset()
		}
	}
}

// open notes that an element begins.
func (f *xmlFeed) open(name string, rec *Record) error {
	f.path = append(f.path, name)
	switch depth := len(f.path); {
	case depth > maxDepth:
		return &FeedError{fmt.Sprintf("the elements are nested deeper than %d", maxDepth)}
	case depth == 1 && (name != "products" || f.opened):
		return &FeedError{fmt.Sprintf("the feed begins with <%s>; it must be one <products>", clip(name))}
	case depth == 1:
		f.opened = true
	case depth == 2 && name != "product":
		return &FeedError{fmt.Sprintf("<%s> stands in <products>; it must be <product>", clip(name))}
	case depth == 2:
		f.row++
		rec.Row = f.row
	case depth > 3 && rec.Err == nil:
		field := clip(f.path[2])
		rec.Err = &RowError{rec.Row, field, field + " is nested; it must be a text"}
	}
	return nil
}

// maxEquals is how often "=" may stand between two "<". An xml.Decoder reads all attributes of an
// element before it can be looked at, and each takes twenty times the memory that it took to
// send. A text of that many is above maxContent anyway.
const maxEquals = maxContent + 1

// xmlLimit passes XML on, up to an element with too many attributes.
type xmlLimit struct {
	in     io.Reader
	equals int // since the last "<", which can't stand in an attribute
}

// Read implements io.Reader.
func (l *xmlLimit) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for i, c := range p[:n] {
		switch c {
		case '<':
			l.equals = 0
		case '=':
			l.equals++
		}
		if l.equals > maxEquals {
			return i, &FeedError{fmt.Sprintf("an element has more than %d attributes, or a text as many =", maxContent)}
		}
	}
	return n, err
}

func xmlError(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &FeedError{"the XML ends too early"}
	case errors.As(err, &syntax):
		return &FeedError{fmt.Sprintf("it is not XML that can be read: %s, in line %d", clip(syntax.Msg), syntax.Line)}
	case strings.HasPrefix(err.Error(), "xml: "):
		return &FeedError{"it is not XML that can be read: " + clip(strings.TrimPrefix(err.Error(), "xml: "))}
	}
	return err
}
