// Package shapesdb is a store that needs names of shapes.
package shapesdb

import "github.com/returnkit/returnkit/shapes"

func init() {
	shapes.StoresFunc(struct{}{})
	shapes.UsersType{}.StoresMethod()
	shapes.UsersFunc()
}
