package returns_test

import (
	"fmt"

	"github.com/returnkit/returnkit/returns"
)

func ExampleService_PublishTerms() {
	svc := newExampleShop()
	p := examplePolicy()
	p.WindowDays = 14
	terms := must(svc.PublishTerms(exampleCtx, staff, p, "shorter from spring on"))
	fmt.Println(terms.Version, terms.Policy.WindowDays, terms.PublishedBy.Name)
	// Output:
	// 2 14 Kim
}

func ExampleService_EnsureTerms() {
	svc := newExampleShop()
	terms := must(svc.EnsureTerms(exampleCtx, staff, returns.Policy{})) // there are some
	fmt.Println(terms.Version, terms.Note)
	// Output:
	// 1 the first
}

func ExampleService_Terms() {
	svc := newExampleShop()
	current := must(svc.Terms(exampleCtx, ""))
	must(svc.PublishTerms(exampleCtx, staff, examplePolicy(), "the second"))
	fmt.Println(must(svc.Terms(exampleCtx, current.ID)).Note) // terms are never changed
	fmt.Println(must(svc.Terms(exampleCtx, "")).Note)         // the current ones
	// Output:
	// the first
	// the second
}

func ExampleService_AllTerms() {
	svc := newExampleShop()
	must(svc.PublishTerms(exampleCtx, staff, examplePolicy(), "the second"))
	for _, t := range must(svc.AllTerms(exampleCtx)) {
		fmt.Println(t.Version, t.Note)
	}
	// Output:
	// 2 the second
	// 1 the first
}
