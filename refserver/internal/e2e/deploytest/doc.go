// Package deploytest runs the real image and compose files and treats the shop
// in them as a stranger would. Its tests need a Docker engine and root and take
// minutes, so they are built with the tag deploy alone:
//
//	go test -tags deploy -v -timeout 40m ./refserver/internal/e2e/deploytest/
//
// They print a transcript of each fault.
package deploytest
