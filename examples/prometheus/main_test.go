package main

func Example() {
	main()
	// Output:
	// refund 1 succeeded
	// refund 2 failed
	// refund 3 unknown
	// payment_circuit_open_events_total 1
	// refunds_completed_total{method="CARD"} 1
	// refunds_completed_total{method="CASH"} 0
	// refunds_completed_total{method="ORIGINAL_METHOD"} 0
	// refunds_completed_total{method="STORE_CREDIT"} 0
	// refunds_failed_total{reason="declined"} 1
	// refunds_failed_total{reason="unavailable"} 0
}
