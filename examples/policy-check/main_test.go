package main

func Example() {
	main()
	// Output:
	// too much, too late, and final sale: eligible false
	//   lamp: 0 returnable, until 2026-03-31
	//     WINDOW_EXPIRED: The return window of 30 days ended on Tuesday, 31 March.
	//     ALREADY_RETURNED: 1 of 3 units of this item are in a return already. You can return up to 2.
	//   socks: 0 returnable, until 2026-03-31
	//     WINDOW_EXPIRED: The return window of 30 days ended on Tuesday, 31 March.
	//     FINAL_SALE: Socks was sold as final sale, which can't be returned.
	// two damaged lamps: eligible true
	//   lamp: 2 returnable, until 2026-04-30
}
