package returnsgen_test

import (
	"fmt"

	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest/returnsgen"
)

func ExampleGenPolicy() {
	p, _ := returnsgen.GenPolicy().Sample()
	fmt.Println(p.(returns.Policy).Validate())
	// Output:
	// <nil>
}

func ExampleGenPurchase() {
	p, _ := returnsgen.GenPurchase().Sample()
	fmt.Println(p.(purchase.Purchase).Check())
	// Output:
	// <nil>
}

func ExampleCase_Evaluate() {
	c, _ := returnsgen.GenCase().Sample()
	v := c.(returnsgen.Case).Evaluate() // depends on the case alone
	fmt.Println(v.TermsID == c.(returnsgen.Case).Terms.ID)
	// Output:
	// true
}
