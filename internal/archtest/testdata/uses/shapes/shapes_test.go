package shapes_test

import (
	"testing"

	"github.com/returnkit/returnkit/shapes"
)

func TestShapes(t *testing.T) {
	shapes.TestsFunc()
	shapes.StoresFunc(shapes.StoresParam{})
}
