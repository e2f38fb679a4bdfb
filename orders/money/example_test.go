package money_test

import (
	"fmt"
	"math"

	"github.com/returnkit/returnkit/orders/money"
)

func ExampleAdd() {
	fmt.Println(money.Add(1999, 1))
	_, err := money.Add(math.MaxInt64, 1)
	fmt.Println(money.CodeOf(err))
	// Output:
	// 2000 <nil>
	// OVERFLOW
}

func ExampleMul() {
	fmt.Println(money.Mul(1999, 3))
	// Output: 5997 <nil>
}

// The product is computed in 128 bits, and the quotient rounded half up.
func ExampleMulDiv() {
	fmt.Println(money.MulDiv(math.MaxInt64, 1, 2))
	// Output: 4611686018427387904 <nil>
}

func ExampleFormatMinor() {
	fmt.Println(money.FormatMinor(1050, "USD"), money.FormatMinor(1050, "JPY"), money.FormatMinor(1050, "KWD"))
	// Output: 10.50 1050 1.050
}

func ExampleMoney_Sub() {
	paid, back := money.New(1999, "USD"), money.New(500, "USD")
	fmt.Println(paid.Sub(back))
	_, err := paid.Sub(money.New(500, "EUR"))
	fmt.Println(money.CodeOf(err))
	// Output:
	// 14.99 USD <nil>
	// CURRENCY_MISMATCH
}

func ExampleMoney_Mul() {
	fmt.Println(money.New(1999, "USD").Mul(3))
	// Output: 59.97 USD <nil>
}

func ExampleMoney_Neg() {
	fmt.Println(money.New(1999, "USD").Neg())
	// Output: -19.99 USD <nil>
}

func ExampleMoney_Cmp() {
	fmt.Println(money.New(1999, "USD").Cmp(money.New(2000, "USD")))
	// Output: -1 <nil>
}

func ExampleMoney_Decimal() {
	fmt.Println(money.New(1050, "USD").Decimal(), money.New(1050, "JPY").Decimal())
	// Output: 10.50 1050
}

func ExampleMoney_IsZero() {
	fmt.Println(money.New(0, "USD").IsZero(), money.Money{}.IsZero(), money.New(1, "JPY").IsZero())
	// Output: true true false
}

// The parts of three units, given back one by one, sum to what was paid.
func ExampleComponents_Share() {
	paid := money.Components{Price: 1000, Duty: 50, Shipping: 100}
	var back money.Components
	for k := 1; k <= 3; k++ {
		step := paid.Share(k, 3).Sub(paid.Share(k-1, 3))
		fmt.Println(step.Total())
		back = back.Add(step)
	}
	fmt.Println(back == paid)
	// Output:
	// 382
	// 383
	// 385
	// true
}

func ExampleCurrency_Digits() {
	for _, c := range []money.Currency{"USD", "JPY", "KWD"} {
		fmt.Println(c, c.Digits())
	}
	// Output:
	// USD 2
	// JPY 0
	// KWD 3
}
