package money_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest/ordersgen"
)

func properties() *gopter.Properties {
	p := gopter.DefaultTestParameters()
	p.MinSuccessfulTests = 300
	return gopter.NewProperties(p)
}

func ExampleParse() {
	m, err := money.Parse("1110.5", "USD")
	fmt.Println(m, err)
	_, err = money.Parse("1.005", "USD")
	fmt.Println(err)
	// Output:
	// 1110.50 USD <nil>
	// money: INVALID: amount: "1.005" has 3 decimals; USD has at most 2
}

func ExampleNew() {
	for _, c := range []money.Currency{"JPY", "USD", "KWD"} {
		fmt.Println(money.New(1050, c))
	}
	// Output:
	// 1050 JPY
	// 10.50 USD
	// 1.050 KWD
}

func ExampleMoney_Add() {
	a, b := money.New(1999, "USD"), money.New(1, "USD")
	fmt.Println(a.Add(b))
	_, err := a.Add(money.New(1, "EUR"))
	fmt.Println(money.CodeOf(err))
	// Output:
	// 20.00 USD <nil>
	// CURRENCY_MISMATCH
}

func ExampleMoney_Format() {
	m := money.New(123456, "USD")
	fmt.Println(m.Format("en"))
	fmt.Println(m.Decimal())
	// Output:
	// $1,234.56
	// 1234.56
}

func ExampleParseCurrency() {
	fmt.Println(money.ParseCurrency("usd"))
	_, err := money.ParseCurrency("DOLLAR")
	fmt.Println(err)
	// Output:
	// USD <nil>
	// money: INVALID: currency: "DOLLAR" is not an ISO 4217 currency code, such as USD
}

func TestParseCurrencyRefusesTheEmptyCode(t *testing.T) {
	for _, code := range []string{"", " ", "XXY"} {
		if c, err := money.ParseCurrency(code); err == nil {
			t.Errorf("%q is %q", code, c)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in       string
		currency money.Currency
		want     int64
		code     money.Code
	}{
		{"0", "USD", 0, ""},
		{"1", "USD", 100, ""},
		{"0.05", "USD", 5, ""},
		{"-0.05", "USD", -5, ""},
		{"007.10", "USD", 710, ""},
		{"1.005", "KWD", 1005, ""},
		{"92233720368547758.07", "USD", math.MaxInt64, ""},
		{"-92233720368547758.08", "USD", math.MinInt64, ""},
		{"92233720368547758.08", "USD", 0, money.CodeOverflow},
		{"99999999999999999999999999", "USD", 0, money.CodeOverflow},
		{"1.0", "JPY", 0, money.CodeInvalid},
		{"1.000", "USD", 0, money.CodeInvalid},
		{"", "USD", 0, money.CodeInvalid},
		{"-", "USD", 0, money.CodeInvalid},
		{".5", "USD", 0, money.CodeInvalid},
		{"5.", "USD", 0, money.CodeInvalid},
		{"1.2.3", "USD", 0, money.CodeInvalid},
		{"1e3", "USD", 0, money.CodeInvalid},
		{"1,000.00", "USD", 0, money.CodeInvalid},
		{" 1", "USD", 0, money.CodeInvalid},
		{"+1", "USD", 0, money.CodeInvalid},
		{"--1", "USD", 0, money.CodeInvalid},
		{"NaN", "USD", 0, money.CodeInvalid},
		{"0x10", "USD", 0, money.CodeInvalid},
		{"١", "USD", 0, money.CodeInvalid},
	} {
		m, err := money.Parse(c.in, c.currency)
		if money.CodeOf(err) != c.code || m.Minor() != c.want {
			t.Errorf("ParseMoney(%q, %s) = %v, %v; want %d, %q", c.in, c.currency, m, err, c.want, c.code)
		}
	}
}

func TestMoneyArithmeticIsChecked(t *testing.T) {
	usd := func(n int64) money.Money { return money.New(n, "USD") }
	top, bottom := usd(math.MaxInt64), usd(math.MinInt64)
	for _, c := range []struct {
		name string
		err  error
		want money.Code
	}{
		{"max + 1", second(top.Add(usd(1))), money.CodeOverflow},
		{"min + -1", second(bottom.Add(usd(-1))), money.CodeOverflow},
		{"max + min", second(top.Add(bottom)), ""},
		{"min - 1", second(bottom.Sub(usd(1))), money.CodeOverflow},
		{"max - -1", second(top.Sub(usd(-1))), money.CodeOverflow},
		{"-1 - min", second(usd(-1).Sub(bottom)), ""},
		{"0 - min", second(usd(0).Sub(bottom)), money.CodeOverflow},
		{"max * 2", second(top.Mul(2)), money.CodeOverflow},
		{"min * -1", second(bottom.Mul(-1)), money.CodeOverflow},
		{"-1 * min", second(usd(-1).Mul(math.MinInt64)), money.CodeOverflow},
		{"-min", second(bottom.Neg()), money.CodeOverflow},
		{"-max", second(top.Neg()), ""},
		{"USD - EUR", second(top.Sub(money.New(1, "EUR"))), money.CodeCurrencyMismatch},
	} {
		if money.CodeOf(c.err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, c.err, c.want)
		}
	}
	if _, err := usd(1).Cmp(money.New(1, "EUR")); money.CodeOf(err) != money.CodeCurrencyMismatch {
		t.Errorf("comparing USD with EUR: %v", err)
	}
	if m, err := top.Add(usd(1)); m != (money.Money{}) || err == nil {
		t.Errorf("a failed sum is %v; it must be nothing", m)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMoneySignAndOrder(t *testing.T) {
	for i, m := range []money.Money{money.New(-3, "USD"), money.New(0, "USD"), money.New(3, "USD")} {
		if m.Sign() != i-1 || m.IsZero() != (i == 1) {
			t.Errorf("%v: sign %d, zero %v", m, m.Sign(), m.IsZero())
		}
		if c, err := m.Cmp(money.New(0, "USD")); c != i-1 || err != nil {
			t.Errorf("%v against 0: %d, %v", m, c, err)
		}
	}
	if got := (money.Money{}).String(); got != "0.00" {
		t.Errorf("zero Money is %q", got)
	}
	if got := money.New(-5, "XXXX").Format("en"); got != "-0.05 XXXX" {
		t.Errorf("unknown currency is formatted %q", got)
	}
}

func TestMoneyProperties(t *testing.T) {
	p := properties()
	p.Property("Decimal and ParseMoney are inverse", prop.ForAll(func(m money.Money) bool {
		back, err := money.Parse(m.Decimal(), m.Currency())
		return err == nil && back == m
	}, ordersgen.GenMoney()))
	p.Property("a - b + b is a, or out of range", prop.ForAll(func(a, b money.Money) bool {
		b = money.New(b.Minor(), a.Currency())
		d, err := a.Sub(b)
		if err != nil {
			return money.CodeOf(err) == money.CodeOverflow
		}
		back, err := d.Add(b)
		return err == nil && back == a
	}, ordersgen.GenMoney(), ordersgen.GenMoney()))
	p.Property("n times is n sums", prop.ForAll(func(minor int64, n int) bool {
		m := money.New(minor, "USD")
		sum := money.New(0, "USD")
		for range n {
			sum, _ = sum.Add(m)
		}
		product, err := m.Mul(int64(n))
		return err == nil && product == sum
	}, gen.Int64Range(-1e9, 1e9), gen.IntRange(0, 50)))
	p.TestingRun(t)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "19.99", "1e5", "99999999999999999999", "0.0000", "..", "-"} {
		f.Add(s, "USD")
		f.Add(s, "JPY")
	}
	f.Fuzz(func(t *testing.T, s, c string) {
		m, err := money.Parse(s, money.Currency(c))
		if err != nil {
			if code := money.CodeOf(err); code != money.CodeInvalid && code != money.CodeOverflow {
				t.Fatalf("ParseMoney(%q): %v", s, err)
			}
			return
		}
		back, err := money.Parse(m.Decimal(), m.Currency())
		if err != nil || back != m {
			t.Fatalf("ParseMoney(%q) = %v, back %v, %v", s, m, back, err)
		}
		if _, fraction, _ := strings.Cut(s, "."); len(fraction) > m.Currency().Digits() {
			t.Fatalf("ParseMoney(%q) took more decimals than %s has", s, c)
		}
	})
}
