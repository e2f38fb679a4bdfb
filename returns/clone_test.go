package returns_test

import (
	"reflect"
	"testing"

	"github.com/returnkit/returnkit/returns"
)

// TestClonesShareNothing fills every field that can be shared, so that a new one
// must be cloned too.
func TestClonesShareNothing(t *testing.T) {
	var p returns.Policy
	v := reflect.ValueOf(&p).Elem()
	shared := 0
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 2, 2))
			shared++
		case reflect.Map, reflect.Pointer, reflect.Interface:
			t.Errorf("%s: a %s would be shared", v.Type().Field(i).Name, f.Kind())
		}
	}
	c := p.Clone()
	if shared == 0 || !reflect.DeepEqual(c, p) {
		t.Fatalf("got %+v, want %+v", c, p)
	}
	w := reflect.ValueOf(c)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.Pointer() == w.Field(i).Pointer() {
			t.Errorf("%s is shared", v.Type().Field(i).Name)
		}
	}
}
