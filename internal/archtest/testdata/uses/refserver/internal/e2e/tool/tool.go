// Package tool is a tool of tests.
package tool

import "github.com/returnkit/returnkit/shapes"

func init() { shapes.TestsFunc() }
