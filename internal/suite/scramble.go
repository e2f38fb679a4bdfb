package suite

import "reflect"

// Scramble overwrites each element of the slices and maps that v points to, deep down,
// as a caller may do with memory of its own. v is a pointer. Fields that are not
// exported are left alone.
func Scramble(v any) { scramble(reflect.ValueOf(v).Elem()) }

func scramble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scramble(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == instant {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scramble(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			e := v.Index(i)
			scramble(e)
			if v.Kind() == reflect.Slice && e.CanSet() {
				e.SetZero()
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			scramble(v.MapIndex(k))
			v.SetMapIndex(k, reflect.Zero(v.Type().Elem()))
		}
	}
}
