package shapesdb

import "github.com/returnkit/returnkit/shapes"

func init() {
	shapes.StoresFunc(struct{}{})
	shapes.UsersType{}.StoresMethod()
	shapes.UsersFunc()
}
