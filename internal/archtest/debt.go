package archtest

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// debt is how many findings of a rule a package is allowed.
type debt map[entry]int

type entry struct{ dir, rule string }

// parseDebt reads debt.txt: package, rule and count a line.
func parseDebt(text []byte) (debt, error) {
	d := debt{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		var e entry
		var count int
		if _, err := fmt.Sscanf(line, "%s %s %d", &e.dir, &e.rule, &count); err != nil || count < 1 {
			return nil, fmt.Errorf("debt.txt:%d: %q is not a package, a rule and a count", number, line)
		}
		d[e] = count
	}
	return d, lines.Err()
}

// debtOf counts findings.
func debtOf(found []finding) debt {
	d := debt{}
	for _, f := range found {
		d[entry{f.dir, f.rule}]++
	}
	return d
}

const debtHead = `# What the code still owes to the rules of the house: package, rule, how many places.
# It only shrinks. Written by: go test ./internal/archtest -run Debt -args -update
`

func (d debt) String() string {
	out := bytes.NewBufferString(debtHead)
	for _, e := range sortedEntries(d) {
		fmt.Fprintln(out, e.dir, e.rule, d[e])
	}
	return out.String()
}

func sortedEntries(d debt) []entry {
	return slices.SortedFunc(maps.Keys(d), func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.rule, b.rule))
	})
}

// listLimit is how many findings of one package and rule are listed.
const listLimit = 50

// compare returns a line for each package and rule with more or fewer findings than the ledger.
func (d debt) compare(found []finding) []string {
	have := debtOf(found)
	both := maps.Clone(have)
	maps.Copy(both, d)
	var wrong []string
	for _, e := range sortedEntries(both) {
		switch {
		case have[e] > d[e]:
			wrong = append(wrong, fmt.Sprintf("%s: %d places break %s, the ledger allows %d:\n%s",
				e.dir, have[e], e.rule, d[e], places(found, e)))
		case have[e] < d[e]:
			wrong = append(wrong, fmt.Sprintf("%s: %d places break %s, the ledger has %d: "+
				"lower the ledger (-run Debt -args -update)", e.dir, have[e], e.rule, d[e]))
		}
	}
	return wrong
}

func places(found []finding, e entry) string {
	var out bytes.Buffer
	listed := 0
	for _, f := range found {
		if (entry{f.dir, f.rule}) != e {
			continue
		}
		if listed++; listed > listLimit {
			fmt.Fprintln(&out, "\t...")
			break
		}
		fmt.Fprintf(&out, "\t%s:%d: %s\n", f.path, f.line, f.what)
	}
	return out.String()
}
