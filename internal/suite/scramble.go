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

// Copy returns a copy of v that shares no slice, map or pointer with it. Fields that are
// not exported are copied as they are.
func Copy[V any](v V) V {
	return copied(reflect.ValueOf(&v).Elem()).Interface().(V)
}

func copied(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(copied(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != instant && v.Type().Field(i).IsExported() {
				c.Field(i).Set(copied(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		}
		for i := range v.Len() {
			c.Index(i).Set(copied(v.Index(i)))
		}
	case reflect.Map:
		if !v.IsNil() {
			c.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		}
		for _, k := range v.MapKeys() {
			c.SetMapIndex(k, copied(v.MapIndex(k)))
		}
	}
	return c
}
