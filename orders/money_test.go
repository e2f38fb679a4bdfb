package orders_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
)

func properties() *gopter.Properties {
	p := gopter.DefaultTestParameters()
	p.MinSuccessfulTests = 300
	return gopter.NewProperties(p)
}

func ExampleParseMoney() {
	m, err := orders.ParseMoney("1110.5", "USD")
	fmt.Println(m, err)
	_, err = orders.ParseMoney("1.005", "USD")
	fmt.Println(err)
	// Output:
	// 1110.50 USD <nil>
	// orders: INVALID: amount: "1.005" has 3 decimals; USD has at most 2
}

func ExampleNewMoney() {
	for _, c := range []orders.Currency{"JPY", "USD", "KWD"} {
		fmt.Println(orders.NewMoney(1050, c))
	}
	// Output:
	// 1050 JPY
	// 10.50 USD
	// 1.050 KWD
}

func ExampleMoney_Add() {
	a, b := orders.NewMoney(1999, "USD"), orders.NewMoney(1, "USD")
	fmt.Println(a.Add(b))
	_, err := a.Add(orders.NewMoney(1, "EUR"))
	fmt.Println(orders.CodeOf(err))
	// Output:
	// 20.00 USD <nil>
	// CURRENCY_MISMATCH
}

func ExampleMoney_Format() {
	m := orders.NewMoney(123456, "USD")
	fmt.Println(m.Format("en"))
	fmt.Println(m.Decimal())
	// Output:
	// $1,234.56
	// 1234.56
}

func ExampleParseCurrency() {
	fmt.Println(orders.ParseCurrency("usd"))
	_, err := orders.ParseCurrency("DOLLAR")
	fmt.Println(err)
	// Output:
	// USD <nil>
	// orders: INVALID: currency: "DOLLAR" is not an ISO 4217 currency code, such as USD
}

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		in       string
		currency orders.Currency
		want     int64
		code     orders.Code
	}{
		{"0", "USD", 0, ""},
		{"1", "USD", 100, ""},
		{"0.05", "USD", 5, ""},
		{"-0.05", "USD", -5, ""},
		{"007.10", "USD", 710, ""},
		{"1.005", "KWD", 1005, ""},
		{"92233720368547758.07", "USD", math.MaxInt64, ""},
		{"-92233720368547758.08", "USD", math.MinInt64, ""},
		{"92233720368547758.08", "USD", 0, orders.CodeOverflow},
		{"99999999999999999999999999", "USD", 0, orders.CodeOverflow},
		{"1.0", "JPY", 0, orders.CodeInvalid},
		{"1.000", "USD", 0, orders.CodeInvalid},
		{"", "USD", 0, orders.CodeInvalid},
		{"-", "USD", 0, orders.CodeInvalid},
		{".5", "USD", 0, orders.CodeInvalid},
		{"5.", "USD", 0, orders.CodeInvalid},
		{"1.2.3", "USD", 0, orders.CodeInvalid},
		{"1e3", "USD", 0, orders.CodeInvalid},
		{"1,000.00", "USD", 0, orders.CodeInvalid},
		{" 1", "USD", 0, orders.CodeInvalid},
		{"+1", "USD", 0, orders.CodeInvalid},
		{"--1", "USD", 0, orders.CodeInvalid},
		{"NaN", "USD", 0, orders.CodeInvalid},
		{"0x10", "USD", 0, orders.CodeInvalid},
		{"١", "USD", 0, orders.CodeInvalid},
	} {
		m, err := orders.ParseMoney(c.in, c.currency)
		if orders.CodeOf(err) != c.code || m.Minor() != c.want {
			t.Errorf("ParseMoney(%q, %s) = %v, %v; want %d, %q", c.in, c.currency, m, err, c.want, c.code)
		}
	}
}

func TestMoneyArithmeticIsChecked(t *testing.T) {
	usd := func(n int64) orders.Money { return orders.NewMoney(n, "USD") }
	top, bottom := usd(math.MaxInt64), usd(math.MinInt64)
	for _, c := range []struct {
		name string
		err  error
		want orders.Code
	}{
		{"max + 1", second(top.Add(usd(1))), orders.CodeOverflow},
		{"min + -1", second(bottom.Add(usd(-1))), orders.CodeOverflow},
		{"max + min", second(top.Add(bottom)), ""},
		{"min - 1", second(bottom.Sub(usd(1))), orders.CodeOverflow},
		{"max - -1", second(top.Sub(usd(-1))), orders.CodeOverflow},
		{"-1 - min", second(usd(-1).Sub(bottom)), ""},
		{"0 - min", second(usd(0).Sub(bottom)), orders.CodeOverflow},
		{"max * 2", second(top.Mul(2)), orders.CodeOverflow},
		{"min * -1", second(bottom.Mul(-1)), orders.CodeOverflow},
		{"-1 * min", second(usd(-1).Mul(math.MinInt64)), orders.CodeOverflow},
		{"-min", second(bottom.Neg()), orders.CodeOverflow},
		{"-max", second(top.Neg()), ""},
		{"USD - EUR", second(top.Sub(orders.NewMoney(1, "EUR"))), orders.CodeCurrencyMismatch},
	} {
		if orders.CodeOf(c.err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, c.err, c.want)
		}
	}
	if _, err := usd(1).Cmp(orders.NewMoney(1, "EUR")); orders.CodeOf(err) != orders.CodeCurrencyMismatch {
		t.Errorf("comparing USD with EUR: %v", err)
	}
	if m, err := top.Add(usd(1)); m != (orders.Money{}) || err == nil {
		t.Errorf("a failed sum is %v; it must be nothing", m)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMoneySignAndOrder(t *testing.T) {
	for i, m := range []orders.Money{orders.NewMoney(-3, "USD"), orders.NewMoney(0, "USD"), orders.NewMoney(3, "USD")} {
		if m.Sign() != i-1 || m.IsZero() != (i == 1) {
			t.Errorf("%v: sign %d, zero %v", m, m.Sign(), m.IsZero())
		}
		if c, err := m.Cmp(orders.NewMoney(0, "USD")); c != i-1 || err != nil {
			t.Errorf("%v against 0: %d, %v", m, c, err)
		}
	}
	if got := (orders.Money{}).String(); got != "0.00" {
		t.Errorf("zero Money is %q", got)
	}
	if got := orders.NewMoney(-5, "XXXX").Format("en"); got != "-0.05 XXXX" {
		t.Errorf("unknown currency is formatted %q", got)
	}
}

func TestMoneyProperties(t *testing.T) {
	p := properties()
	p.Property("Decimal and ParseMoney are inverse", prop.ForAll(func(m orders.Money) bool {
		back, err := orders.ParseMoney(m.Decimal(), m.Currency())
		return err == nil && back == m
	}, orderstest.GenMoney()))
	p.Property("a - b + b is a, or out of range", prop.ForAll(func(a, b orders.Money) bool {
		b = orders.NewMoney(b.Minor(), a.Currency())
		d, err := a.Sub(b)
		if err != nil {
			return orders.CodeOf(err) == orders.CodeOverflow
		}
		back, err := d.Add(b)
		return err == nil && back == a
	}, orderstest.GenMoney(), orderstest.GenMoney()))
	p.Property("n times is n sums", prop.ForAll(func(minor int64, n int) bool {
		m := orders.NewMoney(minor, "USD")
		sum := orders.NewMoney(0, "USD")
		for range n {
			sum, _ = sum.Add(m)
		}
		product, err := m.Mul(int64(n))
		return err == nil && product == sum
	}, gen.Int64Range(-1e9, 1e9), gen.IntRange(0, 50)))
	p.TestingRun(t)
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "19.99", "1e5", "99999999999999999999", "0.0000", "..", "-"} {
		f.Add(s, "USD")
		f.Add(s, "JPY")
	}
	f.Fuzz(func(t *testing.T, s, c string) {
		m, err := orders.ParseMoney(s, orders.Currency(c))
		if err != nil {
			if code := orders.CodeOf(err); code != orders.CodeInvalid && code != orders.CodeOverflow {
				t.Fatalf("ParseMoney(%q): %v", s, err)
			}
			return
		}
		back, err := orders.ParseMoney(m.Decimal(), m.Currency())
		if err != nil || back != m {
			t.Fatalf("ParseMoney(%q) = %v, back %v, %v", s, m, back, err)
		}
		if _, fraction, _ := strings.Cut(s, "."); len(fraction) > m.Currency().Digits() {
			t.Fatalf("ParseMoney(%q) took more decimals than %s has", s, c)
		}
	})
}
