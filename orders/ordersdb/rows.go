package ordersdb

import (
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

type productRow struct {
	bun.BaseModel `bun:"table:?(rk)products,alias:p"`

	ID               int64 `bun:",pk,autoincrement"`
	Name             string
	Category         string
	PriceMinor       int64
	Currency         string
	Stock            int64
	FinalSale        bool
	DiscountBP       int64 `bun:"discount_bp"`
	ShippingWeight   int64
	CountryOfOrigin  string
	RequiresShipping bool
	CreatedAt        sqldb.Time
	UpdatedAt        sqldb.Time
	OnSale           bool // has flash sales that are not closed
	Search           string
}

func (r productRow) product() orders.Product {
	return orders.Product{
		ID: r.ID, Name: r.Name, Category: r.Category, Price: r.PriceMinor, Currency: money.Currency(r.Currency),
		Stock: int(r.Stock), FinalSale: r.FinalSale, DiscountBP: int(r.DiscountBP), ShippingWeight: r.ShippingWeight,
		CountryOfOrigin: r.CountryOfOrigin, RequiresShipping: r.RequiresShipping,
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
	}
}

func rowOfProduct(p orders.Product) productRow {
	return productRow{
		ID: p.ID, Name: p.Name, Category: p.Category, PriceMinor: p.Price, Currency: string(p.Currency),
		Stock: int64(
			p.Stock,
		), FinalSale: p.FinalSale, DiscountBP: int64(p.DiscountBP), ShippingWeight: p.ShippingWeight,
		CountryOfOrigin: p.CountryOfOrigin, RequiresShipping: p.RequiresShipping,
		CreatedAt: sqldb.At(p.CreatedAt), UpdatedAt: sqldb.At(p.UpdatedAt),
		Search: strings.ToLower(p.Name + "\n" + p.Category),
	}
}

type movementRow struct {
	bun.BaseModel `bun:"table:?(rk)stock_movements,alias:m"`

	ID        int64 `bun:",pk,autoincrement"`
	ProductID int64
	Kind      string
	Quantity  int64
	Ref       string
	At        sqldb.Time
	ActorKind string
	ActorID   string
	ActorName string
}

func movement(productID int64, kind string, quantity int, ref string, s event.Stamp) *movementRow {
	return &movementRow{
		ProductID: productID, Kind: kind, Quantity: int64(quantity), Ref: ref, At: sqldb.At(s.At),
		ActorKind: string(s.By.Kind), ActorID: s.By.ID, ActorName: s.By.Name,
	}
}

type cartRow struct {
	bun.BaseModel `bun:"table:?(rk)carts,alias:c"`

	ID         string `bun:",pk"`
	CustomerID string
	OrderID    *string
	UpdatedAt  sqldb.Time
}

type cartItemRow struct {
	bun.BaseModel `bun:"table:?(rk)cart_items,alias:i"`

	CartID    string `bun:",pk"`
	ProductID int64  `bun:",pk"`
	Position  int
	Quantity  int64
}

type orderRow struct {
	bun.BaseModel `bun:"table:?(rk)orders,alias:o"`

	ID             string `bun:",pk"`
	Number         string
	CustomerID     string
	CartID         string
	IdempotencyKey string
	TermsID        string
	Source         string
	Currency       string
	Status         string
	PlacedAt       sqldb.Time
	CompletedAt    sqldb.Time
	CanceledAt     sqldb.Time `bun:"cancelled_at"`
	CancelReason   string
	DeliveredAt    sqldb.Time
	UpdatedAt      sqldb.Time
	Version        int64
	Search         string
	CreditID       string `bun:"credit_payment_id"`
	CreditMinor    int64
}

func rowOfOrder(o orders.Order) orderRow {
	words := make([]string, 0, len(o.Lines)+1)
	words = append(words, o.Number)
	for _, l := range o.Lines {
		words = append(words, l.Name)
	}
	return orderRow{
		ID: o.ID, Number: o.Number, CustomerID: o.CustomerID, CartID: o.CartID, IdempotencyKey: o.IdempotencyKey,
		TermsID: o.TermsID, Source: o.Source, Currency: string(o.Currency), Status: string(o.Status),
		PlacedAt: sqldb.At(o.PlacedAt), CompletedAt: sqldb.At(o.CompletedAt), CanceledAt: sqldb.At(o.CanceledAt),
		CancelReason: o.CancelReason, DeliveredAt: sqldb.At(o.DeliveredAt), UpdatedAt: sqldb.At(o.UpdatedAt),
		Version: int64(o.Version), Search: strings.ToLower(strings.Join(words, "\n")),
		CreditID: o.Credit.PaymentID, CreditMinor: o.Credit.Amount,
	}
}

func (r orderRow) order() orders.Order {
	return orders.Order{
		ID: r.ID, Number: r.Number, CustomerID: r.CustomerID, CartID: r.CartID, IdempotencyKey: r.IdempotencyKey,
		TermsID: r.TermsID, Source: r.Source, Currency: money.Currency(r.Currency), Status: orders.Status(r.Status),
		PlacedAt: r.PlacedAt.Time(), CompletedAt: r.CompletedAt.Time(), CanceledAt: r.CanceledAt.Time(),
		CancelReason: r.CancelReason, DeliveredAt: r.DeliveredAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		Version: int(r.Version), Credit: orders.CreditPart{PaymentID: r.CreditID, Amount: r.CreditMinor},
	}
}

type lineRow struct {
	bun.BaseModel `bun:"table:?(rk)order_lines,alias:l"`

	ID                string `bun:",pk"`
	OrderID           string
	Position          int
	ProductID         int64
	Name              string
	Category          string
	FinalSale         bool
	Quantity          int64
	UnitListMinor     int64
	UnitDiscountMinor int64
	PriceMinor        int64
	DutyMinor         int64
	ShippingMinor     int64
	SaleID            string
}

func rowsOfLines(o orders.Order) []lineRow {
	rows := make([]lineRow, len(o.Lines))
	for i, l := range o.Lines {
		rows[i] = lineRow{
			ID: l.ID, OrderID: o.ID, Position: i, ProductID: l.ProductID, Name: l.Name, Category: l.Category,
			FinalSale: l.FinalSale, Quantity: int64(l.Quantity), UnitListMinor: l.UnitList,
			UnitDiscountMinor: l.UnitDiscount,
			PriceMinor:        l.Paid.Price, DutyMinor: l.Paid.Duty, ShippingMinor: l.Paid.Shipping, SaleID: l.SaleID,
		}
	}
	return rows
}

func (r lineRow) line() orders.Line {
	return orders.Line{
		ID: r.ID, ProductID: r.ProductID, Name: r.Name, Category: r.Category, FinalSale: r.FinalSale,
		Quantity: int(r.Quantity), UnitList: r.UnitListMinor, UnitDiscount: r.UnitDiscountMinor,
		Paid:   money.Components{Price: r.PriceMinor, Duty: r.DutyMinor, Shipping: r.ShippingMinor},
		SaleID: r.SaleID,
	}
}

type paymentRow struct {
	bun.BaseModel `bun:"table:?(rk)payments,alias:pay"`

	ID            string `bun:",pk"`
	OrderID       string
	Method        string
	AmountMinor   int64
	Status        string
	Token         string
	Key           string
	KeyRound      int
	Reference     string
	FirstSentAt   sqldb.Time
	CapturedAt    sqldb.Time
	DeclineCode   string
	Failure       string
	FailureLimit  int64
	NextAt        sqldb.Time
	Attempts      int
	LeaseUntil    sqldb.Time
	LeaseToken    string
	LastError     string
	NeedsReview   bool `bun:"needs_review"`
	Priority      int
	PageID        string `bun:"page_id"`
	PageURL       string `bun:"page_url"`
	PageExpiresAt sqldb.Time
}

func rowOfPayment(o orders.Order) paymentRow {
	p := o.Payment
	return paymentRow{
		ID: p.ID, OrderID: o.ID, Method: string(p.Method), AmountMinor: p.Amount, Status: string(p.Status),
		Token: p.Token, Key: p.Key, KeyRound: p.KeyRound, Reference: p.ProviderID,
		FirstSentAt: sqldb.At(p.FirstSentAt), CapturedAt: sqldb.At(p.CapturedAt), DeclineCode: p.DeclineCode,
		Failure: string(p.Failure), FailureLimit: p.FailureLimit,
		NextAt: sqldb.At(p.Work.NextAt), Attempts: p.Work.Attempts, LeaseUntil: sqldb.At(p.Work.LeaseUntil),
		LeaseToken: p.Work.LeaseToken, LastError: p.Work.LastError, NeedsReview: p.Work.NeedsReview,
		Priority: p.Priority, PageID: p.Page.ProviderID, PageURL: p.Page.URL, PageExpiresAt: sqldb.At(p.Page.ExpiresAt),
	}
}

func (r paymentRow) payment() orders.Payment {
	return orders.Payment{
		ID: r.ID, Method: payment.Method(r.Method), Amount: r.AmountMinor, Status: orders.PaymentStatus(r.Status),
		Token: r.Token, Key: r.Key, KeyRound: r.KeyRound, ProviderID: r.Reference,
		FirstSentAt: r.FirstSentAt.Time(), CapturedAt: r.CapturedAt.Time(), DeclineCode: r.DeclineCode,
		Failure: payment.Failure(r.Failure), FailureLimit: r.FailureLimit,
		Priority: r.Priority,
		Page:     orders.PaymentPage{ProviderID: r.PageID, URL: r.PageURL, ExpiresAt: r.PageExpiresAt.Time()},
		Work: payment.Work{
			NextAt: r.NextAt.Time(), Attempts: r.Attempts, LeaseUntil: r.LeaseUntil.Time(),
			LeaseToken: r.LeaseToken, LastError: r.LastError, NeedsReview: r.NeedsReview,
		},
	}
}
