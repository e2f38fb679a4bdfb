// Package archtest holds what the design promises about the source itself, as tests:
// which package may import which, that no exported signature names an internal type, what
// an import costs, how long functions and lines are, which words are not used, and who needs
// a name that is exported.
//
// Rules that the code does not obey everywhere yet have a ledger, debt.txt: package, rule,
// count. More findings than the ledger allows fail, and so do fewer, until the ledger is
// lowered, so that it only shrinks; a package that is not in it has no debt. To write the
// ledger anew:
//
//	go test ./internal/archtest -run Debt -args -update
//
// Exceptions to the arrows are a table in arrows_test.go that shrinks in the same way.
// The words are in words.txt. What is exported although nobody outside of its package needs
// it is in exported.txt, each name with the reason why an importer does; the same test prints
// who needs the public names of each package:
//
//	SLOW=1 go test ./internal/archtest -run ExportedNames -v
//
// testdata/module is a module that breaks every rule, by which the rules themselves are tested;
// testdata/census and testdata/uses are those of which every number is known.
package archtest
