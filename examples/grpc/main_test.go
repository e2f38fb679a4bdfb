package main

func Example() {
	main()
	// Output:
	// find, the first attempt fails:  refund-17 succeeded (calls: 2)
	// refund without a key:           Unavailable (calls: 1)
	// refund under a key:             refund-17 succeeded (calls: 2)
	// nothing to refund:              InvalidArgument (calls: 1)
	// the bank is down:               Unavailable (calls: 3)
	//                                 Unavailable (calls: 2)
	// the breaker is open
	// a greedy caller was refused: true
}
