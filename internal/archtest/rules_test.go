package archtest

import (
	"flag"
	"fmt"
	"go/ast"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write debt.txt anew")

// readWords reads words.txt.
func readWords(t *testing.T) []word {
	t.Helper()
	text, err := os.ReadFile("words.txt")
	if err != nil {
		t.Fatal(err)
	}
	words, err := parseWords(text)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// check applies every rule to files.
func check(sources []source, words []word) []finding {
	var found []finding
	for _, s := range sources {
		found = slices.Concat(found, checkFunctions(s), checkWidth(s), checkLength(s), checkElements(s),
			checkWords(s, words))
	}
	return found
}

func TestDebtOnlyShrinks(t *testing.T) {
	found := check(repoSources(t), readWords(t))
	if *update {
		if err := os.WriteFile("debt.txt", []byte(debtOf(found).String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("debt.txt")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := parseDebt(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range ledger.compare(found) {
		t.Error(line)
	}
}

func TestRulesOfSourceCatch(t *testing.T) {
	words, err := parseWords([]byte("it is a mystery\tcomments,messages,templates,documents\toutcome unknown\n" +
		"^Hurry$\tnames\tExpedite\nexpedited\tmessages\tthe wire's word stays\n"))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := readSources(fixture)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range check(sources, words) {
		got = append(got, fmt.Sprintf("%s:%d: %s: %s", f.path, f.line, f.rule, f.what))
	}
	const unknown = "write outcome unknown"
	expect(t, got,
		"refunds/limits.go:5: function-lines: Long has 61 lines of 60",
		"refunds/limits.go:206: function-branches: Branchy has 16 branches of 15",
		"refunds/limits.go:254: function-branches: func has 16 branches of 15",
		"refunds/limits.go:279: line-width: 121 columns of 120",
		"refunds/limits_test.go:6: function-lines: TestLong has 121 lines of 120",
		"refunds/words.go:3: words: \"it is a mystery\" in comments: "+unknown,
		"refunds/words.go:7: words: \"Hurry\" in names: write Expedite",
		"refunds/words.go:10: words: \"It is a mystery\" in messages: "+unknown,
		"refserver/page.html:4: template-elements: opens tr, td, td",
		"refserver/page.html:9: words: \"It is a mystery\" in templates: "+unknown,
		"refserver/page.html:11: line-width: 121 columns of 120",
		"refserver/notes.md:3: words: \"it is a mystery\" in documents: "+unknown,
	)
}

func TestLedgerFailsForMoreAndForFewer(t *testing.T) {
	ledger, err := parseDebt([]byte("# a comment\nrefunds words 1\nreturns line-width 2\nreturns words 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	found := []finding{
		{"refunds", "words", "refunds/a.go", 3, "x"},
		{"refunds", "words", "refunds/a.go", 7, "y"},
		{"returns", "line-width", "returns/b.go", 1, "z"},
		{"returns", "words", "returns/b.go", 9, "w"},
		{"throttle", "words", "throttle/c.go", 2, "v"},
	}
	expect(t, ledger.compare(found),
		"refunds: 2 places break words, the ledger allows 1:\n\trefunds/a.go:3: x\n\trefunds/a.go:7: y\n",
		"returns: 1 places break line-width, the ledger has 2: lower the ledger (-run Debt -args -update)",
		"throttle: 1 places break words, the ledger allows 0:\n\tthrottle/c.go:2: v\n",
	)
	again, err := parseDebt([]byte(debtOf(found).String()))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, again.compare(found))
	if _, err := parseDebt([]byte("refunds words many")); err == nil || !strings.Contains(err.Error(), "debt.txt:1") {
		t.Errorf("a count that is no number: %v", err)
	}
}

func TestWordsThatCanNotBeReadAreNamedWithTheirLine(t *testing.T) {
	for name, tt := range map[string]struct{ line, want string }{
		"two fields":             {"a\tcomments", "words.txt:1: 2 fields"},
		"a scope there is not":   {"a\tcode\tb", `words.txt:1: "code" is not a scope; allowed are names, comments`},
		"an expression":          {"(\tcomments\tb", "words.txt:1: error parsing regexp"},
		"names with other scope": {"a\tnames,comments\tb", "words.txt:1: names stands with no other scope"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseWords([]byte(tt.line)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAFileOfTestsIsReadInOneSitting(t *testing.T) {
	of := func(path string, lines int) source {
		return source{path: path, dir: "refunds", text: []byte(strings.Repeat("\n", lines)), file: &ast.File{}}
	}
	var got []string
	for _, s := range []source{of("refunds/a_test.go", 450), of("refunds/b_test.go", 451), of("refunds/c.go", 900)} {
		for _, f := range checkLength(s) {
			got = append(got, f.path+": "+f.what)
		}
	}
	expect(t, got, "refunds/b_test.go: 451 lines of 450")
}
