package money

// Components are the parts of what was paid for a line, or given back for it,
// in minor units of the order's currency. None is negative.
type Components struct {
	Price    int64 `json:"price"` // after discounts
	Duty     int64 `json:"duty"`
	Shipping int64 `json:"shipping"`
}

// Total is the sum of the components.
func (c Components) Total() int64 { return c.Price + c.Duty + c.Shipping }

// Share is Share of each component.
func (c Components) Share(k, n int) Components {
	return Components{Price: Share(c.Price, k, n), Duty: Share(c.Duty, k, n), Shipping: Share(c.Shipping, k, n)}
}

// Sub is c less d, component by component.
func (c Components) Sub(d Components) Components {
	return Components{Price: c.Price - d.Price, Duty: c.Duty - d.Duty, Shipping: c.Shipping - d.Shipping}
}

// Add is c and d, component by component.
func (c Components) Add(d Components) Components {
	return Components{Price: c.Price + d.Price, Duty: c.Duty + d.Duty, Shipping: c.Shipping + d.Shipping}
}
