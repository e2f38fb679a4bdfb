package main

func Example() {
	main()
	// Output:
	// unit 1: price 333, duty 16, shipping 133 = 482
	// unit 2: price 333, duty 17, shipping 134 = 484
	// unit 3: price 334, duty 17, shipping 134 = 485
	// together 1451 of 1451 paid
	// with a restocking fee of 15 %: 482 less 50 = 432
}
