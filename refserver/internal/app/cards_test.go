package app

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func TestCardsBecomeTestPaymentMethods(t *testing.T) {
	now := time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ number, expires, kind, want string }{
		{"4242424242424242", "12/2030", "Visa", "pm_card_visa"},
		{" 4242 4242-4242 4242 ", "03/2026", "visa", "pm_card_visa"},
		{"4111111111111111", "12/9999", "", "pm_card_visa"},
		{"4222222222222", "12/2030", "Credit", "pm_card_visa"},
		{"4222222222222", "12/2030", "Debit Card", "pm_card_visa"},
		{"378282246310005", "12/2030", "Amex", "pm_card_amex"},
		{"5555555555554444", "12/2030", "Master Card", "pm_card_mastercard"},
		{"2223003122003222", "12/2030", "MASTERCARD", "pm_card_mastercard"},
		{"378282246310005", "12/2030", "American Express", "pm_card_amex"},
		{"6011111111111117", "12/2030", "discover", "pm_card_discover"},
		{"3056930009020004", "12/2030", "Diners Club", "pm_card_diners"},
		{"3566002020360505", "12/2030", "jcb", "pm_card_jcb"},
		{"6200000000000005", "12/2030", "UnionPay", "pm_card_unionpay"},
		{"4000000000000002", "12/2030", "Visa", "pm_card_chargeDeclined"},
		{"4000 0000 0000 9995", "12/2030", "Visa", "pm_card_chargeDeclinedInsufficientFunds"},
	} {
		if got, err := CardToken(tc.number, tc.expires, tc.kind, now); got != tc.want || err != nil {
			t.Errorf("CardToken(%q, %q, %q) = %q, %v; want %q", tc.number, tc.expires, tc.kind, got, err, tc.want)
		}
	}
}

func TestBadCardsAreRefusedWithTheFieldAndNeverShown(t *testing.T) {
	now := time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)
	const good = "4242424242424242"
	for name, tc := range map[string]struct{ number, expires, kind, field string }{
		"empty":               {"", "12/2030", "Visa", "card_number"},
		"a wrong digit":       {"4242424242424241", "12/2030", "Visa", "card_number"},
		"letters":             {"4242x24242424242", "12/2030", "Visa", "card_number"},
		"other digits":        {"４２４２424242424242", "12/2030", "Visa", "card_number"},
		"too short":           {"42424242420", "12/2030", "Visa", "card_number"},
		"too long":            {"42424242424242424242", "12/2030", "Visa", "card_number"},
		"very long":           {strings.Repeat("4242 ", 100000), "12/2030", "Visa", "card_number"},
		"of no brand":         {"1234567812345670", "12/2030", "", "card_number"},
		"of another brand":    {good, "12/2030", "Mastercard", "card_type"},
		"of an unknown type":  {good, "12/2030", "Gift card", "card_type"},
		"of a long type":      {good, "12/2030", strings.Repeat("Visa", 10000), "card_type"},
		"no expiry":           {good, "", "Visa", "card_exp_date"},
		"short year":          {good, "12/30", "Visa", "card_exp_date"},
		"month 13":            {good, "13/2030", "Visa", "card_exp_date"},
		"month 0":             {good, "00/2030", "Visa", "card_exp_date"},
		"one-digit month":     {good, "1/2030", "Visa", "card_exp_date"},
		"month and year turn": {good, "2030/12", "Visa", "card_exp_date"},
		"over":                {good, "02/2026", "Visa", "card_exp_date"},
		"long over":           {good, "12/2001", "Visa", "card_exp_date"},
	} {
		token, err := CardToken(tc.number, tc.expires, tc.kind, now)
		p := problem.Of(err)
		if err == nil || token != "" || p.Status != http.StatusBadRequest || len(p.Mistakes) != 1 ||
			p.Mistakes[0].Field != tc.field || p.Message == "" {
			t.Errorf("%s: %q, %v; want a refusal of %s", name, token, err, tc.field)
			continue
		}
		if digits, _ := cardDigits(tc.number); len(digits) > 4 && strings.Contains(err.Error(), digits[:6]) {
			t.Errorf("%s: the error shows the number: %v", name, err)
		}
	}
}

func TestAllThatIsWrongWithACardIsSaidAtOnce(t *testing.T) {
	_, err := CardToken("4242", "12", "Gift card", time.Now())
	var fields []string
	for _, m := range problem.Of(err).Mistakes {
		fields = append(fields, m.Field)
	}
	if want := []string{"card_number", "card_type", "card_exp_date"}; !slices.Equal(fields, want) {
		t.Errorf("%v is about %v, want %v", err, fields, want)
	}
}

func TestACardIsGoodToTheEndOfItsMonthEverywhere(t *testing.T) {
	const good = "4242424242424242"
	end := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	if _, err := CardToken(good, "03/2026", "", end.Add(-time.Second)); err != nil {
		t.Errorf("the last second: %v", err)
	}
	if _, err := CardToken(good, "03/2026", "", end); err == nil {
		t.Error("accepted when the month is over everywhere")
	}
}

func FuzzCardToken(f *testing.F) {
	f.Add("4242 4242 4242 4242", "12/2030", "Visa")
	f.Add("4000000000000002", "1/1", "\x00")
	f.Fuzz(func(t *testing.T, number, expires, kind string) {
		token, err := CardToken(number, expires, kind, time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC))
		if (token == "") == (err == nil) {
			t.Fatalf("%q, %v", token, err)
		}
		if err == nil && !strings.HasPrefix(token, "pm_card_") {
			t.Fatalf("token %q", token)
		}
		if digits, ok := cardDigits(number); ok && err != nil && strings.Contains(err.Error(), digits) {
			t.Fatalf("the error shows the number: %v", err)
		}
	})
}
