// Package uploadtest attacks the shop's uploads from outside and looks at the memory
// of its process: the binary runs in a process of its own, with the limit that a
// container of 512 MB gives it, and the kernel reports its peak. Honest customers send
// photos beside every attack.
//
// A short form of each attack runs with the package's tests; all of it, with
// what it measures:
//
//	UPLOAD_ATTACKS=full go test -v -run Attack -timeout 30m ./refserver/internal/uploadtest/
//
// In a container of 512 MB, by fifty at once (a Docker engine, and root):
//
//	go test -tags deploy -v -run Container -timeout 30m ./refserver/internal/uploadtest/
//
// A soak of seconds runs beside it: people buy, return, look around and misbehave,
// and leave nothing behind. Its long form holds the slopes of memory and goroutines:
//
//	SOAK=15m go test -v -run Soak -timeout 40m ./refserver/internal/uploadtest/
package uploadtest
