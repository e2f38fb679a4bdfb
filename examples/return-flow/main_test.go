package main

func Example() {
	main()
	// Output:
	// bought for 12000, completed
	// asked for: pending_authorization
	// authorised: RMA-20260310-00001
	// sent: in_transit
	// arrived: full
	// inspected: approved
	// paid back: 4000 less 500 = 3500, refunded
	// on the shelf: 8
}
