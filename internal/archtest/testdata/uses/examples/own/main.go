package main

import (
	"example.com/not/there"

	"github.com/returnkit/returnkit/shapes"
)

func main() { there.Call(shapes.UsersExample) }
