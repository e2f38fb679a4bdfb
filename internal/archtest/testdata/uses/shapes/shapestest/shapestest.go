package shapestest

import "github.com/returnkit/returnkit/shapes"

func Suite() { shapes.StoresSuite() }
