package budget_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/returnkit/returnkit/returns/budget"
)

func ExampleNew() {
	_, err := budget.New(budget.Config{})
	fmt.Println(err)
	// Output:
	// budget: {Bytes:0 KeyBytes:0 Places:0 KeyPlaces:0 KeyQueue:0}: Bytes must be 1 or more, and nothing below 0
}

func ExampleBudget_Acquire() {
	memory, err := budget.New(budget.Config{Bytes: 100 << 20})
	if err != nil {
		log.Fatal(err)
	}
	release, err := memory.Acquire(context.Background(), "ada", 40<<20)
	if err != nil {
		log.Fatal(err)
	}
	defer release()
	_, err = memory.Acquire(context.Background(), "bob", 200<<20)
	fmt.Println(errors.Is(err, budget.ErrTooLarge))
	// Output:
	// true
}
