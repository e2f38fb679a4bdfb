// Command own is an example with a module of its own, which is not there.
package main

import (
	"example.com/not/there"

	"github.com/returnkit/returnkit/shapes"
)

func main() { there.Call(shapes.UsersExample) }
