package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/returnkit/returnkit/refserver/internal/worker"
)

// How often these workers look when nobody wakes them.
const (
	replayEvery = 2 * time.Second
	stockEvery  = 5 * time.Second
)

// addLoop makes a loop; see loops.
type addLoop func(name string, every time.Duration, work func(context.Context) (bool, error)) (*worker.Loop, error)

// outgoingLoops makes the background work of notices, mails and webhooks.
func (s *App) outgoingLoops(add addLoop) error {
	_, err := add("make notices", lookEvery, func(ctx context.Context) (bool, error) {
		n, err := s.Notices.Work(ctx, batch)
		return n == batch, err
	})
	if err != nil {
		return err
	}
	_, err = add("watch stock", stockEvery, func(ctx context.Context) (bool, error) {
		return false, s.Notices.WatchStock(ctx)
	})
	if err != nil {
		return err
	}
	if _, err = add("replay events for webhooks", replayEvery, s.EventsOut.ReplayDue); err != nil {
		return err
	}
	if s.Mailing == nil {
		return nil
	}
	_, err = add("send mails", lookEvery, func(ctx context.Context) (bool, error) {
		n, err := s.Mailing.Work(ctx, batch)
		return n == batch, err
	})
	return err
}

func (s *App) forgetMails(ctx context.Context) (int, error) {
	if s.Mailing == nil {
		return 0, nil
	}
	return s.Mailing.CleanUp(ctx)
}

// measureOutgoing records in the metrics how many webhooks and mails wait, and how many were
// given up.
func (s *App) measureOutgoing(ctx context.Context) error {
	n, oldest, dead, err := s.EventsOut.Pending(ctx)
	if err != nil {
		return err
	}
	s.Metrics.Queue("webhooks", n, age(oldest))
	s.outgoing.dead.WithLabelValues(deadWebhooks).Set(float64(dead))
	if s.Mailing == nil {
		return nil
	}
	if n, oldest, dead, err = s.Mailing.Pending(ctx); err != nil {
		return err
	}
	s.Metrics.Queue("mails", n, age(oldest))
	s.outgoing.dead.WithLabelValues(deadMails).Set(float64(dead))
	return nil
}

// outgoingMetrics count what the shop sends to others, and what it notifies staff of.
type outgoingMetrics struct {
	webhooks *prometheus.CounterVec
	dead     *prometheus.GaugeVec
	lowStock prometheus.Gauge
}

// What dead letters are of.
const (
	deadWebhooks = "webhook"
	deadMails    = "mail"
)

func newOutgoingMetrics() *outgoingMetrics {
	m := &outgoingMetrics{
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "webhook_attempts_total", Help: "Attempts to send an event to a webhook, by result.",
		}, []string{"result"}),
		dead: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dead_letters", Help: "Webhook deliveries and mails that were given up, by kind.",
		}, []string{"kind"}),
		lowStock: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "low_stock_products", Help: "Products with LOW_STOCK_THRESHOLD units or fewer.",
		}),
	}
	for _, result := range []string{"delivered", "failed", "dead"} {
		m.webhooks.WithLabelValues(result)
	}
	for _, kind := range []string{deadWebhooks, deadMails} {
		m.dead.WithLabelValues(kind)
	}
	return m
}

func (m *outgoingMetrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.webhooks, m.dead, m.lowStock} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
