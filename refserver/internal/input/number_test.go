package input

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestANumberIsTakenAsItWasWrittenAndNothingElseIsOne(t *testing.T) {
	type priced struct {
		Price *Number `json:"price"`
	}
	for text, want := range map[string]Number{`19.990`: "19.990", `-1`: "-1", `1e3`: "1e3"} {
		var c priced
		if err := json.Unmarshal([]byte(`{"price":`+text+`}`), &c); err != nil || *c.Price != want {
			t.Errorf("%s: %v, %v", text, c.Price, err)
		}
	}
	for _, text := range []string{`"1"`, `true`, `[1]`, `{}`} {
		var c priced
		err := json.Unmarshal([]byte(`{"price":`+text+`}`), &c)
		if err == nil || !strings.Contains(explain(err).Error(), "it must be a number") {
			t.Errorf("%s as a price: %v", text, err)
		}
	}
}
