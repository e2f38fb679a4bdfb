// Package shapestest is a suite that needs names of shapes.
package shapestest

import "github.com/returnkit/returnkit/shapes"

func Suite() { shapes.StoresSuite() }
