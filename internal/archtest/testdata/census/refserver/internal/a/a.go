// Package a repeats lines of itself.
package a

import "fmt"

func second(n int) {
	one := n + 1
	two := one + 1
	three := two + 1
	four := three + 1
	fmt.Println(one, two, three, four)
	fmt.Println(four, three, two, one)
	fmt.Println(n, n)
}
