package suite

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// wrong are implementations of nothing that go wrong in each way.
var wrong = []struct {
	name string
	run  func(*T)
	says []string
	// floor is short for what never ends; a slow machine takes its time for the others.
	floor time.Duration
}{
	{"it differs", func(t *T) { t.Equal("name", "a", "b") }, []string{`suite_test.go:`, `name: got "a", want "b"`},
		time.Minute},
	{"it panics", func(*T) { panic("ouch") }, []string{"panic: ouch", "at suite_test.go:"},
		time.Minute},
	{"it panics at once", func(t *T) { t.AtOnce(3, func(int) { panic("ouch") }) }, []string{"panic: ouch"},
		time.Minute},
	{"it panics beside", func(t *T) { t.Go(func() { panic("ouch") })() }, []string{"panic: ouch"}, time.Minute},
	{"it never returns", func(t *T) {
		defer t.Call("Update")()
		<-make(chan int)
	}, []string{"nothing happened for 200ms, 200 times", `not returned: ["Update"]`}, time.Millisecond},
	{"it never ends", func(t *T) {
		for {
			t.Call("Claim")()
		}
	}, []string{"it made 1", "calls and has not ended"}, time.Millisecond},
	{"it fails a thousand times", func(t *T) {
		for range 1000 {
			t.Error(strings.Repeat("long\n", 1000))
		}
	}, []string{"and 996 more failures"}, time.Minute},
}

func TestWrong(t *testing.T) {
	for _, w := range wrong {
		if w.name != os.Getenv(mutantKey) {
			continue
		}
		Run(t, []Promise[*T]{{"1. It works.", []Case[*T]{{"case", w.run}}}}, Options[*T]{
			Start: func(t *T) *T { return t }, floor: w.floor,
		})
	}
}

func TestWhateverGoesWrongIsAFailureOfItsCase(t *testing.T) {
	for _, w := range wrong {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			out := said(t, "^TestWrong$", w.name)
			for _, line := range judged(1, out) {
				t.Error(line)
			}
			for _, want := range w.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, head(out))
				}
			}
		})
	}
}

func TestMutantsAreJudged(t *testing.T) {
	for _, c := range []struct{ name, out, want string }{
		{"one that passes", "", "it is not caught"},
		{"one that stops the suite", "--- FAIL: TestX/2._It/a\npanic: no\n", "it stops the suite"},
		{"one that is caught by another promise", "--- FAIL: TestX/1._It/a\n", "by the name of its promise"},
		{"one that says too much", "--- FAIL: TestX/2._It/a\n        --- FAIL: a\n" + strings.Repeat("x\n", 50),
			"51 lines, more than a screen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := judged(2, c.out); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := judged(2, "        --- FAIL: TestX/2._It/a (0.00s)\n"); len(got) != 0 {
		t.Errorf("one that is caught: %q", got)
	}
}

func TestCallsAfterTheEndDoNotReturn(t *testing.T) {
	b := newT(t)
	b.end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Error("this is of a case that has ended")
		b.Call("Late")()
		t.Error("a late call returned")
	}()
	<-ended
}

func TestDiff(t *testing.T) {
	type inner struct {
		At   time.Time
		Tags []string
	}
	type outer struct {
		Name  string
		Inner *inner
		ByID  map[string]int64
		own   int
	}
	at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	base := func() outer {
		return outer{"a", &inner{at, []string{"x", "y"}}, map[string]int64{"a": 1}, 1}
	}
	for _, c := range []struct {
		name   string
		change func(o *outer)
		want   []string
	}{
		{"nothing", func(*outer) {}, nil},
		{"a field", func(o *outer) { o.Name = "b" }, []string{`.Name: got "b", want "a"`}},
		{"a field of its own", func(o *outer) { o.own = 2 }, []string{".own: got 2, want 1"}},
		{"an element", func(o *outer) { o.Inner.Tags[1] = "z" }, []string{`.Inner.Tags[1]: got "z", want "y"`}},
		{"a nil slice", func(o *outer) { o.Inner.Tags = nil }, []string{".Inner.Tags: got nil, want [x y]"}},
		{"a length", func(o *outer) { o.Inner.Tags = o.Inner.Tags[:1] },
			[]string{".Inner.Tags: got 1, want 2: got [x], want [x y]"}},
		{"an instant", func(o *outer) { o.Inner.At = at.Add(time.Microsecond) }, []string{
			".Inner.At: got 2026-05-04 10:00:00.000001 +0000 UTC, want 2026-05-04 10:00:00 +0000 UTC"}},
		{"a key", func(o *outer) { o.ByID = map[string]int64{"b": 1} },
			[]string{`.ByID["a"]: got nothing, want 1`, `.ByID["b"]: got 1, want nothing`}},
		{"a large number", func(o *outer) { o.ByID["a"] = 1<<53 + 1 }, []string{
			`.ByID["a"]: got 9007199254740993, want 1`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := base()
			c.change(&o)
			if got := Diff(o, base()); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Documented is a type with promises:
//
//  1. It is numbered.
//  2. A sentence of more than one line is read
//     as one.
//
// And this is not.
type Documented interface{}

func TestCheckComparesTheLists(t *testing.T) {
	documented, err := sentences("suite_test.go", "Documented")
	if err != nil {
		t.Fatal(err)
	}
	held := []string{"1. It is numbered.", "2. A sentence of more than one line is read as one."}
	if lines := unlike(documented, held); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
	for name, other := range map[string][]string{
		"one is missing":       held[:1],
		"one is added":         append(slices.Clone(held), "3. More."),
		"one is there twice":   {held[0], held[1], held[1]},
		"they are in disorder": {held[1], held[0]},
	} {
		if lines := unlike(documented, other); len(lines) == 0 {
			t.Errorf("%s, and nothing is said", name)
		}
	}
	if _, err := sentences("suite_test.go", "Nobody"); err == nil {
		t.Error("a type that is not there has sentences")
	}
}

func TestScrambleOverwritesWhatIsShared(t *testing.T) {
	type item struct{ Tags []string }
	type order struct {
		ID    string
		Items []item
		ByID  map[string]int
		Next  *item
	}
	o := order{"o", []item{{[]string{"x"}}}, map[string]int{"a": 1}, &item{[]string{"y"}}}
	c, want := Copy(o), Copy(Copy(o))
	defer func() {
		if lines := Diff(c, want); len(lines) > 0 {
			t.Errorf("the copy was overwritten too: %q", lines)
		}
	}()
	shared, tags := o, o.Items[0].Tags
	Scramble(&o)
	if shared.Items[0].Tags != nil || tags[0] != "" || shared.ByID["a"] != 0 || shared.Next.Tags[0] != "" {
		t.Errorf("left alone: %+v %q", shared, tags)
	}
}
