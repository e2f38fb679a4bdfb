package main

func Example() {
	main()
	// Output:
	// bought for 12000, completed
	// requested: pending_authorization
	// authorized: RMA-20260310-00001
	// shipped: in_transit
	// received: full
	// inspected: approved
	// refund: 4000 less 500 = 3500, pending; case approved
	// a day later: case refunded
	// on the shelf: 8
}
