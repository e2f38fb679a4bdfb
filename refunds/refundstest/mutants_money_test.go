//go:build mutants

package refundstest

import (
	"cmp"
	"context"
	"slices"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func balanceMutants() []storeMutant {
	return []storeMutant{
		{6, "it counts no success", func(h *hooked) {
			h.saving = func(c *refunds.Change) { c.Effects.Balance.Refunded -= max(0, c.Effects.Refunded) }
		}},
		{6, "it keeps what failed reserved", func(h *hooked) {
			h.saving = func(c *refunds.Change) { c.Effects.Balance.Reserved -= min(0, c.Effects.Reserved) }
		}},
		{6, "it keeps what was reversed refunded", func(h *hooked) {
			h.saving = func(c *refunds.Change) { c.Effects.Balance.Refunded -= min(0, c.Effects.Refunded) }
		}},
		{8, "it counts the refund at hand", func(h *hooked) {
			h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
				r.ClientReference = ""
				return h.Store.PaymentState(ctx, r)
			}
		}},
		{8, "it counts what failed", func(h *hooked) { h.counts(func(refunds.Status) bool { return true }) }},
		{8, "it counts what succeeded alone", func(h *hooked) {
			h.counts(func(s refunds.Status) bool { return s == refunds.StatusSucceeded })
		}},
		{8, "it seeds by looking", func(h *hooked) {
			h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
				s, err := h.Store.PaymentState(ctx, r)
				h.mu.Lock()
				defer h.mu.Unlock()
				h.balances[r.PaymentID] = s.Balance
				return s, err
			}
		}},
		{10, "it saves no hold", func(h *hooked) {
			h.paymentChanges(func(p *refunds.PaymentChange) { p.Holds = nil })
		}},
		{10, "it saves the holds alone", func(h *hooked) {
			h.paymentChanges(func(p *refunds.PaymentChange) { p.Refunds = nil })
		}},
		{10, "it holds no payment without a refund", func(h *hooked) {
			h.updatePayment = func(
				ctx context.Context, r refunds.OpenRequest, change paymentChange,
			) ([]refunds.Refund, error) {
				list, err := h.Store.UpdatePayment(ctx, r, change)
				h.mu.Lock()
				defer h.mu.Unlock()
				if len(h.byOrder[r.OrderID]) == 0 {
					delete(h.balances, r.PaymentID)
				}
				return list, err
			}
		}},
	}
}

// counts makes PaymentState count what is in some states.
func (h *hooked) counts(status func(refunds.Status) bool) {
	h.state = func(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
		s, err := h.Store.PaymentState(ctx, r)
		h.mu.Lock()
		defer h.mu.Unlock()
		s.Refunded = map[string]refunds.Refunded{}
		for _, id := range h.byOrder[r.OrderID] {
			other := h.Store.refunds[id]
			if !status(other.Status) || other.ClientReference == r.ClientReference {
				continue
			}
			for _, l := range other.Quote.Lines {
				g := s.Refunded[l.OrderLineID]
				g.Units += l.Units
				g.Components = g.Components.Add(l.Refunded)
				s.Refunded[l.OrderLineID] = g
			}
		}
		return s, err
	}
}

func (h *hooked) paymentChanges(spoil func(p *refunds.PaymentChange)) {
	h.updatePayment = func(
		ctx context.Context, r refunds.OpenRequest, change paymentChange,
	) ([]refunds.Refund, error) {
		return h.Store.UpdatePayment(ctx, r,
			func(b refunds.Balance, open []refunds.Refund) (refunds.PaymentChange, error) {
				p, err := change(b, open)
				if err == nil {
					spoil(&p)
				}
				return p, err
			})
	}
}

func moneyMutants() []storeMutant {
	return []storeMutant{
		{9, "it grants no credit", func(h *hooked) {
			h.saving = func(c *refunds.Change) { c.Effects.Credit = nil }
		}},
		{9, "it grants credit with each change", func(h *hooked) {
			h.saving = func(c *refunds.Change) {
				if c.After.Method == payment.StoreCredit && c.After.Status == refunds.StatusSucceeded &&
					c.Effects.Credit == nil {
					c.Effects.Credit = &refunds.CreditEntry{ID: newID(), CustomerID: c.After.Customer, Currency: "USD",
						Amount: c.After.Amount(), Ref: newID(), At: c.After.UpdatedAt}
				}
			}
		}},
		{9, "it withdraws no credit", func(h *hooked) {
			h.saving = func(c *refunds.Change) {
				if c.Effects.Credit != nil && c.Effects.Credit.Amount < 0 {
					c.Effects.Credit = nil
				}
			}
		}},
		{11, "it books anew each time", func(h *hooked) {
			h.booked = func(
				ctx context.Context, r refunds.OpenRequest, id string, change booking,
			) (refunds.OutsideChange, error) {
				return h.Store.Book(ctx, r, id,
					func(b refunds.Balance, _ *refunds.Outside, all []refunds.Refund) (refunds.OutsideChange, error) {
						return change(b, nil, all)
					})
			}
		}},
		{11, "it does not count outside money", func(h *hooked) {
			h.books(func(c *refunds.OutsideChange) { c.Balance.Outside = 0 })
		}},
		{11, "it puts no refund on hold with it", func(h *hooked) {
			h.books(func(c *refunds.OutsideChange) { c.Refunds = nil })
		}},
		{12, "it lists outside money newest first", func(h *hooked) {
			h.outsides = func(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
				all, err := h.Store.Outside(ctx, q)
				slices.Reverse(all)
				return all, err
			}
		}},
		{12, "it lists outside money in any state", func(h *hooked) {
			h.outsides = func(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
				q.State = ""
				return h.Store.Outside(ctx, q)
			}
		}},
		{12, "it lists the first page again", func(h *hooked) {
			h.outsides = func(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
				q.AfterID = ""
				return h.Store.Outside(ctx, q)
			}
		}},
		{13, "it forgets the sweep", func(h *hooked) {
			h.sweeps = func(
				_ context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
			) (refunds.Sweep, error) {
				return change(refunds.Sweep{})
			}
		}},
		{13, "it saves a sweep that is refused", func(h *hooked) {
			h.sweeps = func(
				ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
			) (refunds.Sweep, error) {
				var refused error
				w, err := h.Store.UpdateSweep(ctx, func(w refunds.Sweep) (refunds.Sweep, error) {
					w, refused = change(w)
					return w, nil
				})
				return w, cmp.Or(refused, err)
			}
		}},
		{13, "it changes the sweep before it locks", func(h *hooked) {
			h.sweeps = func(
				ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
			) (refunds.Sweep, error) {
				h.mu.Lock()
				before := h.sweep
				h.mu.Unlock()
				w, err := change(before)
				if err != nil {
					return refunds.Sweep{}, err
				}
				suite.Pause()
				return h.Store.UpdateSweep(ctx, func(refunds.Sweep) (refunds.Sweep, error) { return w, nil })
			}
		}},
	}
}

func (h *hooked) books(spoil func(c *refunds.OutsideChange)) {
	h.booked = func(
		ctx context.Context, r refunds.OpenRequest, id string, change booking,
	) (refunds.OutsideChange, error) {
		return h.Store.Book(ctx, r, id,
			func(b refunds.Balance, o *refunds.Outside, all []refunds.Refund) (refunds.OutsideChange, error) {
				c, err := change(b, o, all)
				if err == nil && !c.Empty() {
					spoil(&c)
				}
				return c, err
			})
	}
}
