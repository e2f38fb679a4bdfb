package suite

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

const (
	mostDiffs = 6   // fields that Diff prints
	mostValue = 120 // bytes that Diff prints of one value
)

// Diff returns the fields that differ, one a line: its path, what it is and what it
// should be. Nothing is returned for what reflect.DeepEqual calls equal.
func Diff(got, want any) []string {
	if reflect.DeepEqual(got, want) {
		return nil
	}
	d := &differ{seen: map[[2]uintptr]bool{}}
	d.walk("", reflect.ValueOf(got), reflect.ValueOf(want))
	if len(d.lines) == 0 {
		d.say("", reflect.ValueOf(got), reflect.ValueOf(want))
	}
	if rest := len(d.lines) - mostDiffs; rest > 0 {
		d.lines = append(d.lines[:mostDiffs], fmt.Sprintf("and %d more", rest))
	}
	return d.lines
}

type differ struct {
	lines []string
	seen  map[[2]uintptr]bool // pairs of pointers
}

func (d *differ) say(path string, got, want reflect.Value) {
	if got.IsValid() && want.IsValid() && got.Kind() == reflect.String && want.Kind() == reflect.String {
		g, w := unlikeParts(got.String(), want.String())
		got, want = reflect.ValueOf(g), reflect.ValueOf(w)
	}
	d.lines = append(d.lines, fmt.Sprintf("%s: got %s, want %s", path, printed(got), printed(want)))
}

// unlikeParts leaves out most of what two long strings begin with alike.
func unlikeParts(got, want string) (g, w string) {
	const context = 20
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	if i <= 2*context || max(len(got), len(want)) < mostValue {
		return got, want
	}
	return "..." + strings.ToValidUTF8(got[i-context:], ""), "..." + strings.ToValidUTF8(want[i-context:], "")
}

var instant = reflect.TypeFor[time.Time]()

func (d *differ) walk(path string, got, want reflect.Value) {
	if !got.IsValid() || !want.IsValid() || got.Type() != want.Type() {
		if got.IsValid() || want.IsValid() {
			d.say(path, got, want)
		}
		return
	}
	switch got.Kind() {
	case reflect.Pointer, reflect.Interface:
		d.pointers(path, got, want)
	case reflect.Struct:
		if got.Type() == instant {
			if printed(got) != printed(want) {
				d.say(path, got, want)
			}
			return
		}
		for i := range got.NumField() {
			d.walk(path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
	case reflect.Slice, reflect.Array:
		d.sequences(path, got, want)
	case reflect.Map:
		d.maps(path, got, want)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if got.Pointer() != want.Pointer() {
			d.say(path, got, want)
		}
	default:
		if !got.Equal(want) {
			d.say(path, got, want)
		}
	}
}

func (d *differ) pointers(path string, got, want reflect.Value) {
	if got.IsNil() || want.IsNil() {
		if got.IsNil() != want.IsNil() {
			d.say(path, got, want)
		}
		return
	}
	if got.Kind() == reflect.Pointer {
		pair := [2]uintptr{got.Pointer(), want.Pointer()}
		if d.seen[pair] {
			return
		}
		d.seen[pair] = true
	}
	d.walk(path, got.Elem(), want.Elem())
}

func (d *differ) sequences(path string, got, want reflect.Value) {
	if got.Kind() == reflect.Slice && got.IsNil() != want.IsNil() {
		d.say(path, got, want)
		return
	}
	if got.Len() != want.Len() {
		d.lines = append(d.lines, fmt.Sprintf("%s: got %d, want %d: got %s, want %s", path, got.Len(), want.Len(),
			printed(got), printed(want)))
		return
	}
	for i := range got.Len() {
		d.walk(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))
	}
}

func (d *differ) maps(path string, got, want reflect.Value) {
	if got.IsNil() != want.IsNil() {
		d.say(path, got, want)
		return
	}
	keys := append(got.MapKeys(), want.MapKeys()...)
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(printed(a), printed(b)) })
	last := ""
	for _, k := range keys {
		name := printed(k)
		if name == last {
			continue
		}
		last = name
		d.walk(path+"["+name+"]", got.MapIndex(k), want.MapIndex(k))
	}
}

// printed is a value in mostValue bytes at most. Fields that are not exported are
// read through their kinds: a value of theirs can't be had.
func printed(v reflect.Value) string {
	if !v.IsValid() {
		return "nothing"
	}
	var s string
	switch {
	case v.Type() == instant:
		s = asTime(v)
	case v.Kind() == reflect.String:
		s = fmt.Sprintf("%q", v.String())
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.IsNil():
		s = "nil"
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
		s = "none"
	default:
		s = fmt.Sprintf("%+v", v)
	}
	if len(s) > mostValue {
		s = strings.ToValidUTF8(s[:mostValue], "") + "..."
	}
	return s
}

// asTime is an instant with what reflect.DeepEqual sees of it: its zone, and a
// monotonic reading.
func asTime(v reflect.Value) string {
	if !v.CanInterface() {
		return fmt.Sprintf("%+v", v)
	}
	return v.Interface().(time.Time).String()
}
