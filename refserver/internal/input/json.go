package input

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// MaxBody is the limit of a JSON body and of a form, in bytes; package upload
// limits bodies with photos. maxDepth is how deep a JSON body may be nested, and maxValues how
// many values it may hold: each takes many times the memory of the two or three bytes that it is
// sent in.
const (
	MaxBody   = 128 << 10
	maxDepth  = 16
	maxValues = 10_000
)

// TooLarge says that a body is larger than MaxBody.
const TooLarge = "The body is larger than 128 KiB, the most that is allowed"

// JSON reads the body of r, one JSON object, into v, strictly: a field that v
// does not have or that is there twice, a null, a value of another type, a
// number that is too large, a NUL character, or anything after the object is
// refused with a 400 that names the field, because what is misspelt must not
// pass as left out. An empty body is an empty object. What the values may be is
// for Check.
func JSON(r *http.Request, v any) error {
	if err := IsJSON(r); err != nil {
		return err
	}
	data, err := ReadBody(r, MaxBody)
	if err != nil {
		return err
	}
	return Object(data, v)
}

// ReadBody reads a body of at most limit bytes.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if err != nil {
		return nil, explain(err)
	}
	return data, nil
}

// IsJSON refuses a body that says it is something else.
func IsJSON(r *http.Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind != "application/json" {
		return problem.New(
			http.StatusUnsupportedMediaType,
			"MEDIA_TYPE",
			"The body is "+Clip(kind)+"; it must be application/json",
		)
	}
	return nil
}

// Plain refuses a body that was compressed: it would be read as it is.
func Plain(r *http.Request) error {
	encoding := r.Header.Get("Content-Encoding")
	if r.ContentLength == 0 || encoding == "" || strings.EqualFold(encoding, "identity") {
		return nil
	}
	return problem.New(http.StatusUnsupportedMediaType, "MEDIA_TYPE",
		"The body is encoded as "+Clip(encoding)+"; send it as it is, without Content-Encoding")
}

// Object is JSON for a body that was read.
func Object(data []byte, v any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := (&checker{dec: dec}).check("", 0); err != nil {
		return explain(err)
	}
	dec = json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			wrong.Field, _ = locate(reflect.TypeOf(v).Elem(), wrong.Field)
		}
		return explain(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return problem.Invalid("body", "There is something after the JSON object; send one object")
	}
	return nil
}

// checker walks over a text before anything of it is decoded.
type checker struct {
	dec    *json.Decoder
	values int // so far
}

// check walks over one value and refuses what encoding/json lets pass: a null,
// a key given twice, a NUL character (PostgreSQL keeps none), more values than anybody has use
// for. path names the value.
func (c *checker) check(path string, depth int) error {
	dec := c.dec
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if c.values++; c.values > maxValues {
		return problem.Invalid("body", fmt.Sprintf("The body holds more than %d values", maxValues))
	}
	switch t := token.(type) {
	case nil:
		return problem.Invalid(path, named(path)+" is null; send a value or leave it out")
	case string:
		if strings.ContainsRune(t, 0) {
			return problem.Invalid(path, named(path)+" holds a NUL character; send text without")
		}
		return nil
	case json.Delim:
		if depth == maxDepth {
			return problem.Invalid("body", fmt.Sprintf("The body is nested more than %d deep", maxDepth))
		}
		if t == '[' {
			for i := 0; dec.More(); i++ {
				if err := c.check(fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
					return err
				}
			}
		} else if err := c.object(path, depth); err != nil {
			return err
		}
		_, err = dec.Token() // what closes it
	}
	return err
}

func (c *checker) object(path string, depth int) error {
	dec, seen := c.dec, map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		name := strings.TrimPrefix(path+"."+Clip(key), ".")
		fold := strings.ToLower(key)
		if seen[fold] {
			return problem.Invalid(name, name+" is given twice; send it once")
		}
		seen[fold] = true
		if err := c.check(name, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// explain says what is wrong with a JSON body in words that name the field.
func explain(err error) error {
	var (
		wrongType *json.UnmarshalTypeError
		tooLarge  *http.MaxBytesError
		syntax    *json.SyntaxError
	)
	switch {
	case errors.As(err, &tooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, "TOO_LARGE", TooLarge)
	case errors.As(err, &wrongType):
		return problem.Invalid(
			cmp.Or(wrongType.Field, "body"),
			fmt.Sprintf(
				"%s is a JSON %s; it must be %s",
				named(wrongType.Field),
				Clip(wrongType.Value),
				jsonKind(wrongType.Type.Kind().String()),
			),
		)
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return problem.Invalid("body", "The body is not valid JSON")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem.Invalid(Clip(strings.Trim(name, `"`)), "There is no field "+Clip(name)+" here")
	}
	var own *problem.Error
	if errors.As(err, &own) {
		return own
	}
	return problem.Invalid("body", "The body can't be read as JSON of the expected shape")
}

func named(f string) string {
	if f == "" {
		return "The body"
	}
	return f
}

func jsonKind(kind string) string {
	switch kind {
	case "int", "int64", "int32":
		return "a whole number"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "float64":
		return "a number"
	case "slice":
		return "an array"
	case "struct", "map":
		return "an object"
	}
	return "a " + kind
}

// Clip shortens what somebody sent, for a message that quotes it.
func Clip(s string) string {
	runes := []rune(s)
	if len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}
