package returnsdb

import (
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns"
)

type unitRow struct {
	bun.BaseModel `bun:"table:?(rk)return_units,alias:u"`

	OrderID     string `bun:",pk"`
	OrderLineID string `bun:",pk"`
	Bought      int64
	Claimed     int64
}

type returnRow struct {
	bun.BaseModel `bun:"table:?(rk)returns,alias:r"`

	ID          string `bun:",pk"`
	RMA         string `bun:"rma,nullzero"`
	OrderID     string
	CustomerID  string
	TermsID     string
	Status      string
	Reason      string
	Details     string
	Evidence    sqldb.JSON[[]returns.Evidence]
	Shipment    sqldb.JSON[*returns.ReverseShipment]
	Receipts    sqldb.JSON[[]returns.Receipt]
	Inspection  sqldb.JSON[*returns.Inspection]
	Overrides   sqldb.JSON[[]returns.Override]
	Tasks       sqldb.JSON[[]returns.Task]
	OpenTasks   int
	Decision    string
	Verdict     sqldb.JSON[returns.Verdict]
	FiledKind   string
	FiledID     string
	FiledName   string
	RefundID    string
	Refunds     sqldb.JSON[[]returns.PaidRefund]
	EarlyRefund bool
	Restocked   bool
	CreatedAt   sqldb.Time
	UpdatedAt   sqldb.Time
	ClosedAt    sqldb.Time
	Version     int64
	Search      string // what Query.Text looks in, in lower case
}

func rowOfReturn(r *returns.Return) returnRow {
	search := []string{r.RMA}
	if r.Shipment != nil {
		search = append(search, r.Shipment.TrackingNumber)
	}
	for _, l := range r.Lines {
		search = append(search, l.Name)
	}
	return returnRow{
		ID: r.ID, RMA: r.RMA, OrderID: r.OrderID, CustomerID: r.CustomerID, TermsID: r.TermsID,
		Status: string(r.Status), Reason: string(r.Reason), Details: r.Details,
		Evidence: sqldb.AsJSON(r.Evidence), Shipment: sqldb.AsJSON(r.Shipment), Receipts: sqldb.AsJSON(r.Receipts),
		Inspection: sqldb.AsJSON(r.Inspection), Overrides: sqldb.AsJSON(r.Overrides), Tasks: sqldb.AsJSON(r.Tasks),
		OpenTasks: len(r.OpenTasks()), Decision: r.Decision, Verdict: sqldb.AsJSON(r.Verdict),
		FiledKind: string(r.Filed.Kind), FiledID: r.Filed.ID, FiledName: r.Filed.Name,
		RefundID: r.RefundID, Refunds: sqldb.AsJSON(r.Refunds), EarlyRefund: r.EarlyRefund, Restocked: r.Restocked,
		CreatedAt: sqldb.At(r.CreatedAt), UpdatedAt: sqldb.At(r.UpdatedAt), ClosedAt: sqldb.At(r.ClosedAt),
		Version: int64(r.Version), Search: strings.ToLower(strings.Join(search, "\n")),
	}
}

func (r returnRow) toReturn(lines []returns.Line) returns.Return {
	return returns.Return{
		ID: r.ID, RMA: r.RMA, OrderID: r.OrderID, CustomerID: r.CustomerID, TermsID: r.TermsID,
		Status: returns.Status(r.Status), Reason: returns.Reason(r.Reason), Details: r.Details, Lines: lines,
		Evidence: r.Evidence.V, Shipment: r.Shipment.V, Receipts: r.Receipts.V, Inspection: r.Inspection.V,
		Overrides: r.Overrides.V, Tasks: r.Tasks.V, Decision: r.Decision, Verdict: r.Verdict.V,
		Filed:    event.Actor{Kind: event.ActorKind(r.FiledKind), ID: r.FiledID, Name: r.FiledName},
		RefundID: r.RefundID, Refunds: r.Refunds.V, EarlyRefund: r.EarlyRefund, Restocked: r.Restocked,
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), ClosedAt: r.ClosedAt.Time(),
		Version: int(r.Version),
	}
}

type lineRow struct {
	bun.BaseModel `bun:"table:?(rk)return_lines,alias:l"`

	ID          string `bun:",pk"`
	ReturnID    string
	OrderID     string
	Position    int
	OrderLineID string
	ProductID   string
	Name        string
	Category    string
	Quantity    int64
	Received    int64
	Accepted    int64
	Acceptance  string
	Disposition string
	Condition   string
	Note        string
}

func rowsOfLines(r *returns.Return) []lineRow {
	rows := make([]lineRow, len(r.Lines))
	for i, l := range r.Lines {
		rows[i] = lineRow{
			ID: l.ID, ReturnID: r.ID, OrderID: r.OrderID, Position: i, OrderLineID: l.OrderLineID,
			ProductID: l.ProductID, Name: l.Name, Category: l.Category,
			Quantity: int64(l.Quantity), Received: int64(l.Received), Accepted: int64(l.Accepted),
			Acceptance: string(l.Acceptance), Disposition: string(l.Disposition), Condition: string(l.Condition),
			Note: l.Note,
		}
	}
	return rows
}

func (r lineRow) line() returns.Line {
	return returns.Line{
		ID: r.ID, OrderLineID: r.OrderLineID, ProductID: r.ProductID, Name: r.Name, Category: r.Category,
		Quantity: int(r.Quantity), Received: int(r.Received), Accepted: int(r.Accepted),
		Acceptance: returns.Acceptance(r.Acceptance), Disposition: returns.Disposition(r.Disposition),
		Condition: returns.Condition(r.Condition), Note: r.Note,
	}
}

type termsRow struct {
	bun.BaseModel `bun:"table:?(rk)terms,alias:t"`

	ID          string `bun:",pk"`
	Version     int64
	Policy      sqldb.JSON[returns.Policy]
	PublishedAt sqldb.Time
	ByKind      string
	ByID        string
	ByName      string
	Note        string
}

func rowOfTerms(t returns.Terms) termsRow {
	return termsRow{
		ID: t.ID, Version: int64(t.Version), Policy: sqldb.AsJSON(t.Policy), PublishedAt: sqldb.At(t.PublishedAt),
		ByKind: string(t.PublishedBy.Kind), ByID: t.PublishedBy.ID, ByName: t.PublishedBy.Name, Note: t.Note,
	}
}

func (r termsRow) terms() returns.Terms {
	return returns.Terms{
		ID: r.ID, Version: int(r.Version), Policy: r.Policy.V, PublishedAt: r.PublishedAt.Time(), Note: r.Note,
		PublishedBy: event.Actor{Kind: event.ActorKind(r.ByKind), ID: r.ByID, Name: r.ByName},
	}
}
