package app

import (
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// streams are all that the domain's stores write events to.
var streams = append([]string{ordersStream}, followed...)

const ordersStream = "orders"

// followed are the streams whose events have subscribers. Of the events of orders,
// notices and webhooks see the few types that followedOrders names.
var followed = []string{refundsdb.EventPrefix, returnsdb.EventPrefix}

// openEvents makes the dispatcher and its subscribers.
func (s *App) openEvents() error {
	var logs []outbox.Log
	for _, stream := range streams {
		l, err := outboxdb.New(s.DB, stream)
		if err != nil {
			return err
		}
		logs = append(logs, l)
	}
	var err error
	s.Events, err = outbox.New(outbox.Config{
		Now: s.now, Workers: 32, Log: observability.Named(s.Log, "events"),
	}, logs...)
	if err != nil {
		return err
	}
	return s.subscribe()
}

// subscribe says who follows which events. Each follow-up is also made by the
// request that causes it, before it answers; delivery repairs what a crash cut
// off, so every handler finds its work done already most of the time.
func (s *App) subscribe() error {
	if err := returns.Subscribe(s.Events, s.Returns); err != nil {
		return err
	}
	for _, subscribe := range s.subscribers {
		if err := subscribe(); err != nil {
			return err
		}
	}
	if err := s.followNotices(); err != nil {
		return err
	}
	return s.followFigures()
}
