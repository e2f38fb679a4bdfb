package purchase_test

import (
	"fmt"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/purchase"
)

// Every sum of a purchase names its currency.
func ExamplePaid() {
	a := purchase.Paid("EUR", money.Components{Price: 1999, Shipping: 450})
	fmt.Println(a.Currency, a.Total())
	// Output: EUR 2449
}

func ExampleRestock_Check() {
	fmt.Println(purchase.Restock{Ref: "return-1 line-1", ProductID: "sku-7", Quantity: 2}.Check())
	fmt.Println(purchase.Restock{Ref: "return-1 line-1", ProductID: "sku-7"}.Check() != nil)
	// Output:
	// <nil>
	// true
}

func ExampleCheckText() {
	fmt.Printf("%q\n", purchase.CheckText("the lamp is broken", 500))
	fmt.Println(purchase.CheckText("a\x00b", 500))
	fmt.Println(purchase.CheckText("äöü", 2))
	// Output:
	// ""
	// It is not text; UTF-8 without NUL is allowed.
	// It has 3 characters; at most 2 are allowed.
}
