package outboxdb

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// Search returns a page of the events of some streams that q selects, newest first;
// events of one instant come by aggregate and Seq, descending. It returns ErrCursor for an
// After that is not the Next of a page. Events appended between two pages make none
// repeat and none go missing. The ids of aggregates must sort in the database as they do
// by bytes; ids in letters of one case do.
func Search(ctx context.Context, idb bun.IDB, streams []string, q Query) (Page, error) {
	limit := cmp.Or(q.Limit, defaultPage)
	var all Page
	more := false
	for _, stream := range streams {
		p, err := search(ctx, idb, stream, q)
		if err != nil {
			return Page{}, err
		}
		all.Events = append(all.Events, p.Events...)
		more = more || p.Next != ""
	}
	slices.SortFunc(all.Events, func(a, b event.Event) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.AggregateID, a.AggregateID), cmp.Compare(b.Seq, a.Seq))
	})
	events, over := paging.More(all.Events, limit)
	all.Events = events
	if n := len(events); (more || over) && n > 0 {
		all.Next = outbox.CursorOf(events[n-1]).String()
	}
	return all, nil
}
