module github.com/returnkit/returnkit/examples/property-test

go 1.26.0

replace github.com/returnkit/returnkit => ../..

require (
	github.com/leanovate/gopter v0.2.11
	github.com/returnkit/returnkit v0.0.0-00010101000000-000000000000
)

require (
	github.com/anishathalye/porcupine v1.1.0 // indirect
	github.com/bojanz/currency v1.4.2 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/cockroachdb/apd/v3 v3.2.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	golang.org/x/image v0.47.0 // indirect
)
