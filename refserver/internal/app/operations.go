package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/refserver/internal/evidence"
	"github.com/returnkit/returnkit/refserver/internal/worker"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
)

// How often the workers look when nobody wakes them, and how much they take
// at a time.
const (
	lookEvery    = time.Second
	cleanUpEvery = 10 * time.Minute
	gaugesEvery  = 10 * time.Second
	batch        = 50
)

// openOperations makes the registry, the workers and the health checks.
func (s *App) openOperations(context.Context) (err error) {
	if s.Registry, err = observability.NewRegistry(s.Metrics); err != nil {
		return err
	}
	for _, own := range []interface {
		register(prometheus.Registerer) error
	}{s.money, s.outgoing, &s.checkout} {
		if err := own.register(s.Registry); err != nil {
			return err
		}
	}
	if err := s.Metrics.WatchPool("write", s.DB.Writer().DB); err != nil {
		return err
	}
	if s.DB.Reader() != s.DB.Writer() {
		if err := s.Metrics.WatchPool("read", s.DB.Reader().DB); err != nil {
			return err
		}
	}
	loops, err := s.loops()
	if err != nil {
		return err
	}
	stop := watchBreaker(s.Breaker, s.Metrics, observability.Named(s.Log, "payments"), func() {
		s.Orders.Wake()
		s.Refunds.Wake()
	})
	s.onClose(func(context.Context) error { stop(); return nil })

	s.Health, err = s.newHealth(loops)
	return err
}

// newHealth makes the health checks. Only a database that nothing can be
// written to makes the shop unusable; all else degrades it.
func (s *App) newHealth(loops []*worker.Loop) (*observability.Checker, error) {
	components := append(s.checkout.components(),
		component("payment_provider", false, s.checkProvider),
		component("workers", false, func(ctx context.Context) error {
			errs := []error{s.refundWork.check(ctx)}
			for _, l := range loops {
				errs = append(errs, l.Check(ctx))
			}
			errs = append(errs, s.jobs.Check(ctx))
			return errors.Join(errs...)
		}),
		component("events", false, s.checkEvents),
		component("photos", false, s.checkPhotos),
		component("disk", false, s.checkDisk),
		component("memory", false, func(context.Context) error { return checkMemory(cgroup) }),
	)
	database := component("database", true, newWriteProbe(s.DB).Check)
	database.Timeout = probePatience + 200*time.Millisecond
	return observability.NewChecker(observability.CheckerConfig{OnChange: func(name string, err error) {
		told, _ := errors.AsType[*observability.HealthError](err)
		switch {
		case err == nil:
			s.Log.Info("component is up", "component", name)
		case told != nil && told.Degraded:
			s.Log.Warn("component is degraded", "component", name, "error", err)
		default:
			s.Log.Error("component is down", "component", name, "error", err)
		}
	}}, append(components, database)...)
}

// loops makes the background work and puts it into the group.
func (s *App) loops() ([]*worker.Loop, error) {
	var all []*worker.Loop
	add := func(name string, every time.Duration, work func(context.Context) (bool, error)) (*worker.Loop, error) {
		l, err := worker.New(worker.Config{
			Name: name, Interval: every, Work: work, MaxBackoff: 30 * time.Second,
			Log: observability.Named(s.Log, "worker"), Observe: s.Metrics.WorkerJob,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, l)
		s.group.Add(name, l)
		return l, nil
	}
	s.group.Add("orders", runner(s.runOrders))
	s.group.Add("refunds", s.Refunds)
	for name, work := range map[string]func(context.Context, int) (int, error){
		"pay approved refunds": s.Approvals.Resume,
		"send password resets": s.Auth.SendResets,
	} {
		if _, err := add(name, lookEvery, func(ctx context.Context) (bool, error) {
			n, err := work(ctx, batch)
			return n == batch, err
		}); err != nil {
			return nil, err
		}
	}
	err := s.outgoingLoops(add)
	if err != nil {
		return nil, err
	}
	if err := s.operationLoops(add); err != nil {
		return nil, err
	}
	for name, cleanUp := range map[string]func(context.Context) (int, error){
		"remove ended sessions":         s.Auth.CleanUp,
		"forget old webhooks":           s.forgetWebhooks,
		"forget old answers":            s.Keys.CleanUp,
		"remove unnamed photos":         s.sweepPhotos,
		"remove photos of old forms":    s.Shelf.CleanUp,
		"forget old probes":             s.forgetProbes,
		"forget old webhook deliveries": s.EventsOut.CleanUp,
		"forget old notices":            s.Notices.CleanUp,
		"forget old mails":              s.forgetMails,
		"remove old exports":            s.forgetOperations,
		"pay what refunds carried over": s.payCarried,
	} {
		if _, err = add(name, cleanUpEvery, func(ctx context.Context) (bool, error) {
			_, err := cleanUp(ctx)
			return false, err
		}); err != nil {
			return nil, err
		}
	}
	if _, err = add("reconcile refunds", reconcileEvery, s.reconcile); err != nil {
		return nil, err
	}
	if _, err = add("measure queues", gaugesEvery, s.measureAll); err != nil {
		return nil, err
	}
	if _, err = add("finish the start", gaugesEvery, s.finishStart); err != nil {
		return nil, err
	}
	s.group.Add("deliver events", s.Events)
	return all, nil
}

// measureAll records in the metrics how much waits, in the shop and on its way out.
func (s *App) measureAll(ctx context.Context) (more bool, err error) {
	return false, errors.Join(s.measure(ctx), s.measureOutgoing(ctx))
}

// runOrders is the worker of the orders.
func (s *App) runOrders(ctx context.Context) {
	if err := s.Orders.Run(ctx); err != nil {
		s.Log.ErrorContext(ctx, "the worker of the orders does not run", "error", err)
	}
}

// Run does the background work until ctx ends, and returns when it has
// stopped; its error names what did not stop in time.
func (s *App) Run(ctx context.Context) error { return s.group.Run(ctx) }

// payCarried makes store credit of what refunds could not send to the card, once no
// unit of their orders can be returned any more.
func (s *App) payCarried(ctx context.Context) (int, error) {
	return s.Refunds.PayCarried(ctx, event.System("returns"), s.Returns.Over)
}

func (s *App) sweepPhotos(ctx context.Context) (int, error) {
	return s.SweepPhotos(ctx, time.Now().Add(-evidence.Grace))
}

// SweepPhotos removes photos stored before an instant that no case names, which
// a process that was killed between the photo and its row has left. It begins
// with all there are, and then looks at those that have come of age since.
func (s *App) SweepPhotos(ctx context.Context, to time.Time) (int, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	n, err := s.Evidence.Sweep(ctx, s.swept, to, s.photoNames)
	if n > 0 {
		s.Log.Warn("removed photos that no return uses", "photos", n)
	}
	if err == nil {
		s.swept = to
	}
	return n, err
}

// checkProvider reports an outage of the payment provider. Orders are queued
// and refunds wait in the meantime: the shop is degraded, not down.
func (s *App) checkProvider(context.Context) error {
	if st := s.Breaker.State(); st != resilience.Closed && st != resilience.Disabled {
		return fmt.Errorf("the payment circuit is %s", st)
	}
	return nil
}

// staleEvent is the age at which an event that was not delivered means that
// somebody should look.
const staleEvent = 5 * time.Minute

func (s *App) checkEvents(ctx context.Context) error {
	n, oldest, err := s.Events.Pending(ctx)
	if err != nil {
		return err
	}
	if n > 0 && time.Since(oldest) > staleEvent {
		return fmt.Errorf("%d events wait for delivery, the oldest since %s", n, oldest.Format(time.RFC3339))
	}
	return nil
}

// measure records in the metrics how much waits, and for how long.
func (s *App) measure(ctx context.Context) error {
	n, oldest, err := s.Events.Pending(ctx)
	if err != nil {
		return err
	}
	s.Metrics.Outbox("all", n, age(oldest))

	for name, q := range map[string]orders.Query{
		"orders_queued":      {Status: []orders.Status{orders.StatusQueued}},
		"orders_need_person": {NeedsReview: true},
	} {
		q.PageSize = 1
		_, total, err := s.Orders.Orders(ctx, q)
		if err != nil {
			return err
		}
		var since time.Time
		if total > 0 {
			// The list is newest first: the last page holds the oldest.
			q.Page = total
			last, _, err := s.Orders.Orders(ctx, q)
			if err != nil {
				return err
			}
			if len(last) > 0 {
				since = last[0].PlacedAt
			}
		}
		s.Metrics.Queue(name, total, age(since))
	}
	first, open, err := s.Discrepancies.Open(ctx, 1)
	if err != nil {
		return err
	}
	var since time.Time
	if open > 0 {
		since = first[0].RaisedAt
	}
	s.Metrics.Queue("money_alarms", open, age(since))

	for name, q := range map[string]refunds.Query{
		"refunds_unknown":     {Status: []refunds.Status{refunds.StatusUnknown}},
		"refunds_need_person": {NeedsReview: true},
		"refunds_in_progress": {Status: []refunds.Status{
			refunds.StatusCreated, refunds.StatusSubmitted, refunds.StatusPending, refunds.StatusRequiresAction,
		}},
	} {
		q.PageSize = 1
		_, n, err := s.Refunds.List(ctx, q)
		if err != nil {
			return err
		}
		var since time.Time
		if n > 0 {
			q.Page = n
			last, _, err := s.Refunds.List(ctx, q)
			if err != nil {
				return err
			}
			if len(last) > 0 {
				since = last[0].CreatedAt
			}
		}
		s.Metrics.Queue(name, n, age(since))
	}
	return nil
}

// age is the time since t, 0 for the zero time.
func age(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return time.Since(t)
}
