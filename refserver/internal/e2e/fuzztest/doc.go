// Package fuzztest sends a running shop what nobody should send: requests to every operation of
// the OpenAPI document and every form of its pages, most of them wrong in one or two places, as
// each kind of account. The shop answers in words, as the document says, and never with an error of
// its own, and nobody sees what is not theirs. The seed is printed; SEED and REQUESTS repeat a run
// or make a longer one:
//
//	SEED=7 REQUESTS=100000 SLOW=1 go test -v -timeout 60m ./refserver/internal/e2e/fuzztest/
package fuzztest
