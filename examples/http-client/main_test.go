package main

func Example() {
	main()
	// Output:
	// Look up a refund while the bank is busy:
	//   attempt 1: status 503
	//   attempt 2: status 200
	//   200 succeeded
	// Refund without a key: sent once, the bank may have done it.
	//   attempt 1: status 502
	//   502 answer lost
	// Refund under a key: sent again, done once.
	//   attempt 1: status 502
	//   attempt 2: status 200
	//   200 refund 2 made
	// A statement of 1 MiB:
	//   attempt 1: status 200
	//   200 1048560 bytes
	// The bank is down:
	//   attempt 1: status 502
	//   attempt 2: status 502
	//   attempt 3: status 502
	//   502 down
	//   attempt 1: status 502
	//   attempt 2: status 502
	//   breaker is open
	//   attempt 3: status 502
	//   502 down
	//   attempt 1: not sent, the breaker is open
	// The bank is back:
	//   breaker is half_open
	//   attempt 1: status 200
	//   breaker is closed
	//   200 succeeded
}
