//go:build !unix

package sqlstoretest

// startServer starts no server on this system; DATABASE_URL can name one.
func startServer() (string, error) { return "", errNoServer }
