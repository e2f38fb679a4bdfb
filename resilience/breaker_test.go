package resilience

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// step is one thing that happens to a breaker, at an instant after its making.
type step struct {
	at time.Duration
	// do is ok, fail or neutral: a call of no length; begin N and end N ok: one in
	// two halves; refused WAIT; force, disable or reset.
	do   string
	want State // afterwards
}

// stepConfigs are the settings of the breakers of TestBreakerSteps.
func stepConfigs() (rate, streak, slow, leased, three Config) {
	rate = Config{FailurePercent: 50, MinCalls: 4, Window: time.Second, OpenFor: time.Second, JitterPercent: NoJitter}
	streak = Config{ConsecutiveFailures: 3, OpenFor: 3 * time.Second, MaxOpenFor: 8 * time.Second,
		JitterPercent: NoJitter}
	slow = Config{SlowPercent: 50, SlowCall: ms(640), MinCalls: 2, Window: 10 * time.Second, OpenFor: time.Second,
		JitterPercent: NoJitter}
	leased, three = streak, streak
	leased.ProbeLease = time.Second
	three.Probes = 3
	return rate, streak, slow, leased, three
}

func TestBreakerSteps(t *testing.T) {
	rate, streak, slow, leased, three := stepConfigs()
	tests := []struct {
		name  string
		cfg   Config
		steps []step
	}{
		{"a success between failures starts the count again", streak, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "ok", Closed},
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
		}},
		{"a neutral call neither counts nor interrupts", streak, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "neutral", Closed}, {0, "fail", Open},
		}},
		{"the open time doubles up to its limit and starts again after a repair", streak, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
			{0, "refused 3s", Open}, {ms(2999), "refused 46.875ms", Open},
			{ms(3000), "fail", Open}, {ms(3000), "refused 6s", Open}, {ms(8999), "refused 93.75ms", Open},
			{ms(9000), "fail", Open}, {ms(9000), "refused 8s", Open},
			{ms(17000), "fail", Open}, {ms(17000), "refused 8s", Open},
			{ms(25000), "ok", Closed},
			{ms(25000), "fail", Closed}, {ms(25000), "fail", Closed}, {ms(25000), "fail", Open},
			{ms(25000), "refused 3s", Open},
		}},
		{"a late result of an earlier generation is dropped", streak, []step{
			{0, "begin 1", Closed}, {0, "begin 2", Closed},
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
			{ms(3000), "begin 3", HalfOpen},
			{ms(3100), "end 1 fail", HalfOpen}, {ms(3100), "end 2 ok", HalfOpen},
			{ms(3200), "end 3 ok", Closed},
		}},
		{"half-open lets one call through", streak, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
			{ms(3000), "begin 1", HalfOpen}, {ms(3000), "refused 3s", HalfOpen},
			{ms(3500), "end 1 ok", Closed},
		}},
		{"a neutral probe gives its place back", streak, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
			{ms(3000), "neutral", HalfOpen}, {ms(3000), "ok", Closed},
		}},
		{"three probes must all succeed", three, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
			{ms(3000), "ok", HalfOpen}, {ms(3000), "begin 1", HalfOpen}, {ms(3000), "begin 2", HalfOpen},
			{ms(3000), "refused 3s", HalfOpen}, {ms(3000), "end 1 ok", HalfOpen}, {ms(3000), "end 2 fail", Open},
		}},
		{"a hung probe gives its place up when its lease ends, and its answer still counts", leased, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
			{ms(3000), "begin 1", HalfOpen}, {ms(3999), "refused 15.625ms", HalfOpen},
			{ms(4000), "begin 2", HalfOpen}, {ms(4500), "refused 500ms", HalfOpen},
			{ms(4600), "end 1 ok", Closed}, {ms(4700), "end 2 fail", Closed},
		}},
		{"half of three is not half", rate, []step{
			{0, "ok", Closed}, {0, "ok", Closed}, {0, "fail", Closed}, {0, "fail", Open},
		}},
		{"a rate needs its minimum of calls", rate, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Open},
		}},
		{"a success never opens", rate, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Closed}, {0, "ok", Closed}, {0, "fail", Open},
		}},
		{"what left the window is forgotten", rate, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "fail", Closed},
			{ms(999), "ok", Closed}, {ms(1000), "fail", Closed},
			{ms(1000), "fail", Closed}, {ms(1000), "fail", Open},
		}},
		{"a call still in flight is slow at once", slow, []step{
			{0, "begin 1", Closed}, {0, "begin 2", Closed},
			{ms(640), "begin 3", Closed}, {ms(650), "refused 1s", Open},
		}},
		{"a slow success counts as slow, a slow neutral call too", slow, []step{
			{0, "begin 1", Closed}, {0, "begin 2", Closed},
			{ms(640), "end 1 ok", Closed}, {ms(640), "end 2 neutral", Open},
		}},
		{"a call just below the limit is not slow", slow, []step{
			{0, "begin 1", Closed}, {0, "begin 2", Closed},
			{ms(639), "end 1 ok", Closed}, {ms(639), "end 2 ok", Closed},
		}},
		{"a slow probe opens again, without waiting for it", slow, []step{
			{0, "begin 1", Closed}, {0, "begin 2", Closed}, {ms(650), "refused 1s", Open},
			{ms(1650), "begin 3", HalfOpen}, {ms(2289), "refused 375ms", HalfOpen},
			{ms(2290), "refused 2s", Open}, {ms(2291), "end 3 ok", Open},
		}},
		{"forced open ends by itself in half-open", streak, []step{
			{0, "force 5s", ForcedOpen}, {ms(1), "refused 5s", ForcedOpen},
			{ms(5000), "begin 1", HalfOpen}, {ms(5000), "end 1 ok", Closed},
		}},
		{"forced open without an end stays", streak, []step{
			{0, "force 0s", ForcedOpen}, {time.Hour, "refused 0s", ForcedOpen}, {time.Hour, "reset", Closed},
		}},
		{"disabled lets everything pass and counts nothing", streak, []step{
			{0, "fail", Closed}, {0, "fail", Closed}, {0, "disable 1s", Disabled},
			{0, "fail", Disabled}, {0, "fail", Disabled}, {0, "fail", Disabled},
			{ms(1000), "fail", Closed}, {ms(1000), "fail", Closed}, {ms(1000), "fail", Open},
		}},
		{"an end in the past is over at the next look", streak, []step{
			{ms(5000), "force 1s", ForcedOpen}, {ms(5000), "ok", Closed},
		}},
		{"a clock that jumps back neither opens nor wedges", rate, []step{
			{time.Hour, "fail", Closed}, {0, "fail", Closed}, {0, "ok", Closed},
			{time.Hour, "fail", Closed}, {time.Hour, "fail", Closed}, {time.Hour, "fail", Open},
			{0, "refused 1s", Open}, {time.Hour + time.Second, "ok", Closed},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := mustNew(t, tt.cfg)
			held := map[string]*Permit{}
			for i, s := range tt.steps {
				now := b.base.Add(s.at)
				act(t, b, held, i, s, now)
				if got := b.cur.Load().state; got != s.want {
					t.Fatalf("step %d (%v, %s): %v, want %v", i, s.at, s.do, got, s.want)
				}
			}
		})
	}
}

var outcomes = map[string]Outcome{"ok": Success, "fail": Failure, "neutral": Neutral}

func act(t *testing.T, b *Breaker, held map[string]*Permit, i int, s step, now time.Time) {
	t.Helper()
	words := strings.Fields(s.do)
	length := func() time.Duration {
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	until := func() time.Time {
		if d := length(); d != 0 {
			return b.base.Add(d)
		}
		return time.Time{}
	}
	switch words[0] {
	case "ok", "fail", "neutral", "begin":
		var p Permit
		var err error
		if p, err = b.AllowAt(now); err != nil {
			t.Fatalf("step %d (%v, %s): %v", i, s.at, s.do, err)
		}
		if words[0] == "begin" {
			held[words[1]] = &p
			return
		}
		p.DoneAt(outcomes[words[0]], now)
	case "end":
		held[words[1]].DoneAt(outcomes[words[2]], now)
	case "refused":
		_, err := b.AllowAt(now)
		var open *OpenError
		if !errors.As(err, &open) || !errors.Is(err, ErrOpen) || open.Name != "payments" {
			t.Fatalf("step %d (%v, %s): error %v", i, s.at, s.do, err)
		}
		if open.RetryAfter != length() {
			t.Errorf("step %d (%v, %s): RetryAfter %v", i, s.at, s.do, open.RetryAfter)
		}
	case "force":
		b.ForceOpenAt(now, until())
	case "disable":
		b.DisableAt(now, until())
	case "reset":
		b.ResetAt(now)
	default:
		t.Fatalf("unknown step %q", s.do)
	}
}

func TestASecondDoneDoesNothing(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 2})
	p, err := b.Allow()
	if err != nil {
		t.Fatal(err)
	}
	p.Done(Failure)
	p.Done(Failure)
	p.DoneAt(Failure, time.Now())
	if s := b.State(); s != Closed {
		t.Errorf("state %v after one failure reported three times, want closed", s)
	}
	var none Permit
	none.Done(Failure) // of a refusal
}

func TestAnUnknownOutcomeIsAFailure(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	p, _ := b.Allow()
	p.Done(Outcome(9))
	if s := b.State(); s != Open {
		t.Errorf("state %v, want open", s)
	}
}

func TestOpenTimeHasJitterWithinItsShare(t *testing.T) {
	var asked int64
	cfg := Config{ConsecutiveFailures: 1, OpenFor: time.Second, JitterPercent: 20}
	for _, draw := range []int64{0, 123, int64(ms(200))} {
		cfg.Rand = func(n int64) int64 { asked = n; return draw }
		b := mustNew(t, cfg)
		p, _ := b.AllowAt(b.base)
		p.DoneAt(Failure, b.base)
		want := time.Second - time.Duration(draw)
		if got := b.SnapshotAt(b.base).RetryAfter; got != want || asked != int64(ms(200))+1 {
			t.Errorf("draw %d of %d: open for %v, want %v", draw, asked, got, want)
		}
	}
}

func TestConfigErrorsNameTheSettingAndWhatIsAllowed(t *testing.T) {
	tests := []struct {
		cfg  Config
		want []string
	}{
		{Config{}, []string{"Name", "empty"}},
		{Config{Name: "p", ConsecutiveFailures: -1}, []string{"ConsecutiveFailures is -1", "0 to"}},
		{Config{Name: "p", FailurePercent: 101}, []string{"FailurePercent is 101", "0 to 100"}},
		{Config{Name: "p", SlowPercent: 10}, []string{"SlowCall is 0s", "1ms"}},
		{Config{Name: "p", SlowCall: time.Second}, []string{"SlowCall is 1s", "SlowPercent"}},
		{Config{Name: "p", MinCalls: -3}, []string{"MinCalls is -3"}},
		{Config{Name: "p", Buckets: 1}, []string{"Buckets is 1", "2 to 1000"}},
		{Config{Name: "p", Window: time.Millisecond}, []string{"Window is 1ms", "10ms"}},
		{Config{Name: "p", OpenFor: -time.Second}, []string{"OpenFor is -1s"}},
		{Config{Name: "p", OpenFor: time.Minute, MaxOpenFor: time.Second}, []string{"MaxOpenFor is 1s", "1m0s"}},
		{Config{Name: "p", JitterPercent: -2}, []string{"JitterPercent is -2", "-1 to 100"}},
		{Config{Name: "p", Probes: -1}, []string{"Probes is -1", "1 to"}},
		{Config{Name: "p", SlowPercent: 1, SlowCall: time.Second, ProbeLease: ms(1)},
			[]string{"ProbeLease is 1ms", "1s"}},
	}
	for _, tt := range tests {
		_, err := New(tt.cfg)
		for _, part := range tt.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("New(%+v): %v, want it to say %q", tt.cfg, err, part)
			}
		}
	}
	if err := (Config{Name: "p"}).Validate(); err != nil {
		t.Errorf("the zero settings: %v", err)
	}
}

func TestNamesOfStatesAndReasons(t *testing.T) {
	var got []string
	for s := Closed; s <= Disabled+1; s++ {
		text, _ := s.MarshalText()
		got = append(got, string(text))
	}
	if want := "closed open half_open forced_open disabled State(5)"; strings.Join(got, " ") != want {
		t.Errorf("states %q, want %q", got, want)
	}
	if len(reasonNames) != int(ReasonOperator)+1 || ReasonOperator.String() != "operator" {
		t.Errorf("reasons %q do not end with operator", reasonNames)
	}
}
