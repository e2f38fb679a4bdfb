// Package export writes orders, returns and the audit into CSV files. An export is an operation
// of package progress: it is written page by page, each with the position after it, so that an
// interrupted one continues from there. Its file is kept for a day.
package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/internal/csvcell"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/returns"
)

// Operation is the kind of operation that an export is.
const Operation = "export"

// pageRows is how many rows are written in one transaction.
const pageRows = 500

// Config says what a Service reads. All fields are required but Now.
type Config struct {
	Operations *progress.Service
	Orders     func(context.Context, orders.Query) (list []orders.Order, total int, err error)
	Returns    func(context.Context, returns.Query) (list []returns.Return, total int, err error)
	Audit      *audit.Log
	Now        func() time.Time // nil: time.Now
}

// Service starts and executes exports. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns a Service, or an error that says what is missing.
func New(c Config) (*Service, error) {
	if c.Operations == nil || c.Orders == nil || c.Returns == nil || c.Audit == nil {
		return nil, errors.New("export: Config.Operations, Orders, Returns and Audit are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{c}, nil
}

// What is exported.
const (
	Orders  = "orders"
	Returns = "returns"
	Audit   = "audit"
)

// Params say what is exported: the Source, and the query of that source.
type Params struct {
	Source  string         `json:"source"`
	Orders  *orders.Query  `json:"orders,omitempty"`
	Returns *returns.Query `json:"returns,omitempty"`
	Audit   *audit.Query   `json:"audit,omitempty"`
}

// ParamsOf returns what an operation exports.
func ParamsOf(o progress.Operation) (Params, error) {
	var p Params
	err := json.Unmarshal(o.Params, &p)
	return p, err
}

// FileName is what the file of an export is called.
func FileName(o progress.Operation) string {
	p, err := ParamsOf(o)
	if err != nil || p.Source == "" {
		p.Source = Operation
	}
	return p.Source + "-" + o.StartedAt.UTC().Format(time.DateOnly) + ".csv"
}

// Start stores an export, which Kind executes. Each owner has one at a time: it returns
// progress.ErrBusy while another one of theirs is not finished.
func (s *Service) Start(ctx context.Context, ownerID string, p Params) (progress.Operation, error) {
	from, err := s.source(p)
	if err != nil {
		return progress.Operation{}, err
	}
	total, err := from.count(ctx)
	if err != nil {
		return progress.Operation{}, fmt.Errorf("export: count %s: %w", p.Source, err)
	}
	return s.cfg.Operations.Start(ctx, progress.Params{
		Kind: Operation, Title: "Export of " + map[string]string{
			Orders: "orders", Returns: "returns", Audit: "the audit",
		}[p.Source], OwnerID: ownerID, Serial: Operation + " of " + ownerID, Total: total, Params: p,
	})
}

// Kind says how an export is executed.
func (s *Service) Kind() progress.Kind {
	return progress.Kind{Name: Operation, Resumes: true, Work: s.work}
}

// source reads what is exported in pages. position is empty for the first page, and next for
// the one after the last.
type source interface {
	header() []string
	count(ctx context.Context) (int, error)
	page(ctx context.Context, position string) (rows [][]string, next string, err error)
}

func (s *Service) source(p Params) (source, error) {
	switch {
	case p.Source == Orders && p.Orders != nil:
		return orderSource{s, *p.Orders}, nil
	case p.Source == Returns && p.Returns != nil:
		return returnSource{s, *p.Returns}, nil
	case p.Source == Audit && p.Audit != nil:
		return auditSource{s, *p.Audit}, nil
	}
	return nil, fmt.Errorf("export: there is no source %q", p.Source)
}

// work writes the pages after Task.Position.
func (s *Service) work(ctx context.Context, t *progress.Task) error {
	p, err := ParamsOf(t.Operation)
	if err != nil {
		return err
	}
	from, err := s.source(p)
	if err != nil {
		return t.Finish(ctx, progress.Failed, "This export can't be made any more. Start it again.", nil)
	}
	for t.State == progress.Running {
		rows, next, err := from.page(ctx, t.Position)
		if err != nil {
			return err
		}
		a := progress.Advance{Done: len(rows), Position: next, Message: "The file is being written."}
		if next == "" {
			a.Finish, a.Message = progress.Done, "The file is ready."
		}
		if t.Position == "" {
			rows = append([][]string{from.header()}, rows...)
		}
		if a.Part, err = text(rows); err != nil {
			return err
		}
		if err := t.Step(ctx, a, nil); err != nil {
			return err
		}
	}
	return nil
}

// text is rows as CSV.
func text(rows [][]string) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = csvcell.Harmless(cell)
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}
