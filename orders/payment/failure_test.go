package payment

import "testing"

func TestEveryFailureHasAnAdvice(t *testing.T) {
	all := Failures()
	if len(all) < 20 {
		t.Errorf("%d failures", len(all))
	}
	for _, f := range all {
		if !f.Valid() || f.Advice() == "" {
			t.Errorf("%s: valid %t, advice %q", f, f.Valid(), f.Advice())
		}
	}
	if Failure("").Valid() || Failure("moon").Valid() {
		t.Error("what is no failure is valid")
	}
	if a := Failure("moon").Advice(); a != Review {
		t.Errorf("the advice for what is no failure is %q", a)
	}
}

func TestWhyFallsBackOnTheOutcome(t *testing.T) {
	for _, tc := range []struct {
		name   string
		result Result
		want   Failure
	}{
		{"said", Result{Outcome: OutcomeDeclined, Failure: CardExpired}, CardExpired},
		{"declined without a reason", Result{Outcome: OutcomeDeclined}, Unrecognized},
		{"a failure that does not exist", Result{Outcome: OutcomeDeclined, Failure: "moon"}, Unrecognized},
		{"no effect", Result{Outcome: OutcomeNoEffect}, TryLater},
		{"unknown", Result{Outcome: OutcomeUnknown}, NotYetKnown},
		{"no outcome", Result{}, NotYetKnown},
		{"done, with the last error", Result{Outcome: OutcomeDone, Failure: CardExpired}, ""},
		{"pending", Result{Outcome: OutcomePending}, ""},
		{"absent", Result{Outcome: OutcomeAbsent}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.result.Why(); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
