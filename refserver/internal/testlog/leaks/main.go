// Command leaks looks through the logs of a test run for card numbers,
// passwords and cookies (see package testlog), and fails where it finds one.
package main

import (
	"fmt"
	"os"

	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: leaks FOLDER")
		os.Exit(2)
	}
	found, err := testlog.Search(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for i, l := range found.Leaks {
		if i == 50 {
			fmt.Println("and more")
			break
		}
		fmt.Printf("%.500s\n", l)
	}
	fmt.Printf("%d lines of %d logs, %d with a secret\n", found.Lines, found.Files, len(found.Leaks))
	if len(found.Leaks) > 0 || found.Lines == 0 { // no line: the tests did not log where we look
		os.Exit(1)
	}
}
