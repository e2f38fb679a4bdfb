// Package shapes has names and functions whose numbers are known.
package shapes

import "fmt"

// Two constants are exported, and one is not.
const (
	Sides = 4
	Round = 0
	small = 1
)

// Shape is a type with one exported method.
type Shape[T any] struct{ sides T }

// Sides is exported.
func (s *Shape[T]) Sides() T { return s.sides }

func (s *Shape[T]) hidden() {}

type secret struct{}

// Area is of a type that is not exported, and has no branches.
func (secret) Area() {}

// Unit is a variable.
var Unit Shape[int]

// Area has three branches.
func Area(a, b int) int {
	if a > 0 && b > 0 {
		return a * b
	}
	for range a {
		b++
	}
	return b
}

func first(n int) {
	// a comment is not counted
	one := n + 1
	two := one + 1
	three := two + 1
	four := three + 1

	fmt.Println(one, two, three, four)
	fmt.Println(four, three, two, one)
	fmt.Println(n)
}
