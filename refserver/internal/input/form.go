package input

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// Form reads the fields of a form into v, a pointer to a struct, and checks it.
// All mistakes are returned at once, each at its field: a number that is none, a
// field that is given more than once, and what Check finds.
//
// A field is known by the name it has in JSON. Text is cut of blanks around it,
// but for fields with the tag form:"verbatim". A number that is empty is left out where v has
// a pointer; a box that is ticked is true; a list takes a field as often as it
// is there, and each name in one that holds several. Where v has a list of lines, the field NAME_LINEID is NAME of the
// line whose sale_item_id is LINEID, and a line without anything filled in is left
// out.
func Form(f url.Values, v any) error {
	d := decoder{form: f, strict: true}
	d.object(reflect.ValueOf(v).Elem())
	return d.result(v)
}

// Query is Form for the query of an address, where the first of a field that is
// given more than once counts.
func Query(f url.Values, v any) error {
	d := decoder{form: f}
	d.object(reflect.ValueOf(v).Elem())
	return d.result(v)
}

// lineID is the field of a line that names it.
const lineID = "sale_item_id"

// decoder reads one form.
type decoder struct {
	form     url.Values
	strict   bool
	mistakes []problem.Mistake
}

// object fills a struct with the fields of the form.
func (d *decoder) object(v reflect.Value) {
	for i := range v.NumField() {
		field, to := v.Type().Field(i), v.Field(i)
		if field.Anonymous && to.Kind() == reflect.Struct {
			d.object(to)
			continue
		}
		name := fieldName(field)
		if name == "" || !field.IsExported() {
			continue
		}
		if isLines(to.Type()) {
			d.lines(to)
			continue
		}
		d.field(field, name, to)
	}
}

// isLines reports whether t is a list of lines.
func isLines(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// lines fills a list of lines, in the order of their ids.
func (d *decoder) lines(to reflect.Value) {
	kind := to.Type().Elem()
	names := map[string]bool{}
	for i := range kind.NumField() {
		names[fieldName(kind.Field(i))] = true
	}
	delete(names, lineID)
	ids := map[string]bool{}
	for key, values := range d.form {
		name, id, ok := strings.Cut(key, "_")
		if ok && names[name] && id != "" && slices.ContainsFunc(values, filledIn) {
			ids[id] = true
		}
	}
	for _, id := range sortedKeys(ids) {
		line := reflect.New(kind).Elem()
		for i := range kind.NumField() {
			field := kind.Field(i)
			if name := fieldName(field); name == lineID {
				line.Field(i).SetString(id)
			} else if name != "" {
				d.field(field, name+"_"+id, line.Field(i))
			}
		}
		to.Set(reflect.Append(to, line))
	}
}

func filledIn(text string) bool { return strings.TrimSpace(text) != "" }

// field reads the field name into to.
func (d *decoder) field(field reflect.StructField, name string, to reflect.Value) {
	values := d.form[name]
	switch {
	case len(values) == 0:
	case to.Type() == reflect.TypeFor[[]string]():
		for _, text := range values {
			names := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
			to.Set(reflect.AppendSlice(to, reflect.ValueOf(names)))
		}
	case d.strict && len(values) > 1:
		d.mistake(field, name, fmt.Sprintf(" is given %d times; give it once, with the total quantity.", len(values)))
	case to.Kind() == reflect.Pointer:
		// Text may be emptied; a number that is not filled in is left out.
		if filledIn(values[0]) || to.Type().Elem() == reflect.TypeFor[string]() {
			to.Set(reflect.New(to.Type().Elem()))
			d.value(field, name, values[0], to.Elem())
		}
	default:
		d.value(field, name, values[0], to)
	}
}

// value reads the text of the field name into to.
func (d *decoder) value(field reflect.StructField, name, text string, to reflect.Value) {
	if field.Tag.Get("form") != "verbatim" {
		text = strings.TrimSpace(text)
	}
	switch to.Kind() {
	case reflect.String:
		if to.Type() == reflect.TypeFor[Number]() && strings.HasPrefix(text, ".") {
			text = "0" + text // as people and browsers write it
		}
		to.SetString(text)
	case reflect.Bool:
		to.SetBool(text != "")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			d.mistake(field, name, isBut(text, cmp.Or(textOf(field).allowed, "a whole number, such as 1")))
			return
		}
		to.SetInt(n)
	}
}

func (d *decoder) mistake(field reflect.StructField, name, text string) {
	d.mistakes = append(d.mistakes, problem.Mistake{Field: name, Label: textOf(field).label, Text: text})
}

// result returns the mistakes of the form and those that Check finds in v
// besides.
func (d *decoder) result(v any) error {
	for _, m := range find(v) {
		m.Field = formField(v, m.Field)
		known := slices.ContainsFunc(d.mistakes, func(o problem.Mistake) bool { return o.Field == m.Field })
		if !known {
			d.mistakes = append(d.mistakes, m)
		}
	}
	return problem.Mistaken(d.mistakes...)
}

// formField is the name that a form has for a field of v in JSON: received_LINEID
// for lines[0].received.
func formField(v any, field string) string {
	list, rest, ok := strings.Cut(field, "[")
	if !ok {
		return field
	}
	index, name, ok := strings.Cut(rest, "].")
	n, err := strconv.Atoi(index)
	if !ok || err != nil {
		return list
	}
	lines := fieldOf(reflect.ValueOf(v).Elem(), list)
	if !lines.IsValid() || !isLines(lines.Type()) || n >= lines.Len() {
		return field
	}
	return name + "_" + fieldOf(lines.Index(n), lineID).String()
}

// fieldOf is the field of a struct that has the name in JSON.
func fieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous && v.Field(i).Kind() == reflect.Struct {
			if found := fieldOf(v.Field(i), name); found.IsValid() {
				return found
			}
		} else if fieldName(field) == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
