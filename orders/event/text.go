package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// BadText returns where the values have a text that no database keeps: one that is not
// UTF-8, or that holds a NUL. It is a path such as "by.id" or "lines[0].name", with the fields'
// names in JSON, or their Go names in that style; empty if there is none. Fields that
// are not exported are not looked at. Events have the paths of a Stamp, and "data".
func BadText(values ...any) string {
	for _, v := range values {
		events, ok := v.([]Event)
		if !ok {
			if path, bad := badText(reflect.ValueOf(v)); bad {
				return strings.TrimPrefix(path, ".")
			}
		}
		for _, e := range events {
			if path := BadText(&Stamp{By: e.Actor, Source: e.Source}); path != "" {
				return path
			}
			if escapesNUL(e.Data) {
				return "data"
			}
		}
	}
	return ""
}

var (
	rawJSON = reflect.TypeFor[json.RawMessage]()
	nul     = []byte(`\u0000`)
)

func badText(v reflect.Value) (path string, bad bool) {
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		return "", strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)
	case reflect.Pointer, reflect.Interface:
		return badText(v.Elem())
	case reflect.Struct:
		return badField(v)
	case reflect.Slice, reflect.Array:
		if v.Type() == rawJSON {
			return "", escapesNUL(v.Bytes())
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return "", false
		}
		for i := range v.Len() {
			if path, bad := badText(v.Index(i)); bad {
				return fmt.Sprintf("[%d]%s", i, path), true
			}
		}
	case reflect.Map:
		return badEntry(v)
	}
	return "", false
}

func badField(v reflect.Value) (path string, bad bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if path, bad := badText(v.Field(i)); bad && f.Anonymous {
			return path, true
		} else if bad {
			return "." + nameOf(f) + path, true
		}
	}
	return "", false
}

func badEntry(v reflect.Value) (path string, bad bool) {
	for entries := v.MapRange(); entries.Next(); {
		if path, bad := badText(entries.Key()); bad {
			return path, true
		}
		if path, bad := badText(entries.Value()); bad {
			return fmt.Sprintf(".%v%s", entries.Key(), path), true
		}
	}
	return "", false
}

// escapesNUL reports whether a text of the JSON holds a NUL: \\u0000 is a backslash, and no
// escape.
func escapesNUL(data []byte) bool {
	for {
		i := bytes.Index(data, nul)
		if i < 0 {
			return false
		}
		if before := len(data[:i]) - len(bytes.TrimRight(data[:i], `\`)); before%2 == 0 {
			return true
		}
		data = data[i+len(nul):]
	}
}

// nameOf is the field's name in JSON, or its own in that style.
func nameOf(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
		return name
	}
	var out strings.Builder
	lower := false
	for _, r := range f.Name {
		if unicode.IsUpper(r) && lower {
			out.WriteByte('_')
		}
		lower = unicode.IsLower(r)
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}
