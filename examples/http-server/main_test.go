package main

func Example() {
	main()
	// Output:
	// ann buys:         200 receipt for a lamp
	// greedy refused:   true
	// bob buys:         200 receipt for a lamp
	// ann buys again:   200 receipt for a lamp
	// an empty cart:    400 the cart is empty
	// a large request:  413 The request is too large.
}
