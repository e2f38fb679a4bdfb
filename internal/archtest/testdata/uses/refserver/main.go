// Command refserver is a user of shapes.
package main

import "github.com/returnkit/returnkit/shapes"

type reader interface{ UsersRead([]byte) (int, error) }

func main() {
	t := shapes.UsersType{Set: shapes.UsersSetOne}
	t.UsersMethod()
	var _ reader = &t
	shapes.UsersFunc()
	println(shapes.UsersBlockOne)
	var _ shapes.UsersInterface = t
}
