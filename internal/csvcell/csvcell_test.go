package csvcell_test

import (
	"testing"

	"github.com/returnkit/returnkit/internal/csvcell"
)

func TestAFormulaIsText(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"": "", "Lamp": "Lamp", "1=1": "1=1", "\xff": "\xff",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠SUM": "'＠SUM",
	} {
		if got := csvcell.Harmless(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}
