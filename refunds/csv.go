package refunds

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/internal/csvcell"
	"github.com/returnkit/returnkit/orders/money"
)

// CompareCSV writes every comparison of [from, to) as CSV (RFC 4180) with a
// header, while it is made. Amounts are in the currency's units, such as 19.99.
// A cell that a spreadsheet would read as a formula begins with an apostrophe
// (https://owasp.org/www-community/attacks/CSV_Injection). After an error what
// was written is not complete.
func (s *Service) CompareCSV(ctx context.Context, w io.Writer, from, to time.Time) (Totals, error) {
	out, err := newComparisonCSV(w)
	if err != nil {
		return Totals{}, err
	}
	totals, err := s.compare(ctx, from, to, out.write)
	if err != nil {
		return totals, err
	}
	return totals, out.flush()
}

type comparisonCSV struct{ w *csv.Writer }

func newComparisonCSV(w io.Writer) (comparisonCSV, error) {
	out := comparisonCSV{csv.NewWriter(w)}
	out.w.UseCRLF = true
	return out, out.w.Write([]string{
		"finding", "at", "refund_id", "attempt_id", "reference", "order_id", "status", "amount", "currency",
		"provider_reference", "provider_status", "provider_amount", "provider_currency",
	})
}

func (o comparisonCSV) write(c Match) error {
	row := []string{
		string(c.Match), c.At.UTC().Format(time.RFC3339), c.RefundID, c.AttemptID, c.ClientReference, c.OrderID,
		string(c.Status), decimal(c.Amount, c.Currency), string(c.Currency),
		c.ProviderID, c.ProviderStatus, decimal(c.ProviderAmount, c.ProviderCurrency), string(c.ProviderCurrency),
	}
	for i := range row {
		row[i] = csvcell.Harmless(row[i])
	}
	return o.w.Write(row)
}

func (o comparisonCSV) flush() error {
	o.w.Flush()
	if err := o.w.Error(); err != nil {
		return fmt.Errorf("refunds: write the comparison: %w", err)
	}
	return nil
}

// decimal is an amount in the currency's units; in minor units where the
// currency is none that we know, and empty where there is none.
func decimal(minor int64, c money.Currency) string {
	if c == "" {
		return ""
	}
	if _, err := money.ParseCurrency(string(c)); err != nil {
		return strconv.FormatInt(minor, 10) + " minor units"
	}
	return money.New(minor, c).Decimal()
}
