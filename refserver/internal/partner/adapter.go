package partner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"
)

// ExternalOrder is an order of a reseller, in the shop's shape.
type ExternalOrder struct {
	Number string // the reseller's own; the same number is the same order
	Lines  []ExternalLine
}

// ExternalLine is a line of an order of a reseller.
type ExternalLine struct {
	ProductID string // the partner's id of the product, as in its feed
	Quantity  int
}

// Adapter reads the orders of resellers whose interface has another shape. What it cannot
// read is an *Invalid that names the field. Implementations are values without state.
type Adapter interface {
	Name() string // how a request chooses it
	Order(body []byte) (ExternalOrder, error)
}

// Adapters are the adapters of the shop. The first is for requests that choose none.
var Adapters = []Adapter{
	Plain{},
	Marketplace{},
}

// FindAdapter returns the adapter of a name among several, the first for an empty name, or an
// *Invalid that lists them.
func FindAdapter(all []Adapter, name string) (Adapter, error) {
	var names []string
	for _, a := range all {
		if name == "" || a.Name() == name {
			return a, nil
		}
		names = append(names, a.Name())
	}
	return nil, &Invalid{
		"adapter",
		fmt.Sprintf("The adapter is %q; it must be %s.", clip(name), strings.Join(names, " or ")),
	}
}

// The limits of an order of a reseller.
const (
	maxOrderLines = 100
	maxNumber     = 100 // characters
)

// Check returns an *Invalid that names what is wrong with the order.
func (o ExternalOrder) Check() error {
	switch n := utf8.RuneCountInString(o.Number); {
	case n == 0 || n > maxNumber || !printable(o.Number):
		return &Invalid{"order_number", fmt.Sprintf("The order number must have 1 to %d characters.", maxNumber)}
	case len(o.Lines) == 0 || len(o.Lines) > maxOrderLines:
		return &Invalid{
			"lines",
			fmt.Sprintf("An order has 1 to %d lines; this one has %d.", maxOrderLines, len(o.Lines)),
		}
	}
	seen := map[string]bool{}
	for i, l := range o.Lines {
		switch {
		case l.ProductID == "":
			return &Invalid{"lines", fmt.Sprintf("Line %d names no product.", i+1)}
		case !printable(l.ProductID) || utf8.RuneCountInString(l.ProductID) > maxExternalID:
			return &Invalid{
				"lines",
				fmt.Sprintf("The product of line %d is %q; it must have at most %d characters that can be printed.",
					i+1, clip(l.ProductID), maxExternalID),
			}
		case l.Quantity < 1 || l.Quantity > 1_000_000:
			return &Invalid{
				"lines",
				fmt.Sprintf("The quantity of line %d is %d; it must be 1 to 1000000.", i+1, l.Quantity),
			}
		case seen[l.ProductID]:
			return &Invalid{"lines", fmt.Sprintf("Line %d is a product of another line; add their quantities.", i+1)}
		}
		seen[l.ProductID] = true
	}
	return nil
}

// Plain reads {"order_number": "A-1", "lines": [{"product": "p1", "quantity": 2}]}.
type Plain struct{}

// Name returns the name of the adapter.
func (Plain) Name() string { return "plain" }

// Order reads an order.
func (Plain) Order(body []byte) (ExternalOrder, error) {
	var in struct {
		Number string `json:"order_number"`
		Lines  []struct {
			Product  string `json:"product"`
			Quantity int    `json:"quantity"`
		} `json:"lines"`
	}
	if err := readOrder(body, &in); err != nil {
		return ExternalOrder{}, err
	}
	o := ExternalOrder{Number: in.Number}
	for _, l := range in.Lines {
		o.Lines = append(o.Lines, ExternalLine{l.Product, l.Quantity})
	}
	return o, nil
}

// Marketplace reads the shape of a marketplace whose numbers are texts:
// {"ref": "A-1", "basket": {"entries": [{"sku": "p1", "qty": "2"}]}}.
type Marketplace struct{}

// Name returns the name of the adapter.
func (Marketplace) Name() string { return "marketplace" }

// Order reads an order.
func (Marketplace) Order(body []byte) (ExternalOrder, error) {
	var in struct {
		Ref    string `json:"ref"`
		Basket struct {
			Entries []struct {
				SKU string `json:"sku"`
				Qty string `json:"qty"`
			} `json:"entries"`
		} `json:"basket"`
	}
	if err := readOrder(body, &in); err != nil {
		return ExternalOrder{}, err
	}
	o := ExternalOrder{Number: in.Ref}
	for i, e := range in.Basket.Entries {
		n, err := strconv.Atoi(e.Qty)
		if err != nil {
			return ExternalOrder{}, &Invalid{
				"basket.entries",
				fmt.Sprintf("The qty of entry %d is %q; it must be a whole number.",
					i+1, clip(e.Qty)),
			}
		}
		o.Lines = append(o.Lines, ExternalLine{e.SKU, n})
	}
	return o, nil
}

func readOrder(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return &Invalid{
			kind.Field,
			fmt.Sprintf("%s is a %s; it must be a %s.", clip(kind.Field), kind.Value, kind.Type.Kind()),
		}
	case err != nil:
		return &Invalid{"body", "The order is not JSON that can be read."}
	}
	return nil
}

// Products returns the shop's ids of products of a partner, by the partner's ids; those that
// no feed has brought are missing.
func (s *Service) Products(ctx context.Context, p Partner, externalIDs []string) (map[string]int64, error) {
	out := map[string]int64{}
	if len(externalIDs) == 0 {
		return out, nil
	}
	var rows []productRow
	err := s.cfg.DB.Read().NewSelect().Model(&rows).Where("partner_id = ?", p.ID).
		Where("external_id IN (?)", bun.List(externalIDs)).Scan(ctx)
	for _, r := range rows {
		out[r.ExternalID] = r.ProductID
	}
	return out, err
}
