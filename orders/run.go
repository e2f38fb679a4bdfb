package orders

import (
	"context"
	"sync"

	"github.com/returnkit/returnkit/resilience"
)

// The jobs of Run.
const (
	JobCharge = "charge queued orders"
	JobExpire = "expire reservations"
)

// workBatch is the most that one call of a job does.
const workBatch = 50

// Run is the whole worker of the package: until ctx ends it charges the orders
// that are due (see ChargeDue) and ends the reservations whose time is up (see
// ExpireReservations), every Config.WorkEvery. Any number of processes may run it
// on one store. An error is reported to Config.Worked, and the job continues after
// a wait that grows with each error in a row. Run returns nil when ctx has ended
// and the calls in flight are recorded, and payment.ErrInTransaction on a service
// of With.
func (s *Service) Run(ctx context.Context) error {
	if err := s.outside("run"); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.work(ctx, JobCharge, s.wake, s.ChargeDue) })
	wg.Go(func() { s.work(ctx, JobExpire, nil, s.ExpireReservations) })
	wg.Wait()
	return nil
}

// Wake makes Run look for due orders now, such as when the provider is back. It
// never blocks. After an error Run waits all the same.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// work does a job until ctx ends: at once again where a whole batch was done, else after the
// interval or when it is woken.
func (s *Service) work(
	ctx context.Context, job string, wake <-chan struct{}, batch func(context.Context, int) (int, error),
) {
	resilience.Worker{
		Job: job, Every: s.cfg.WorkEvery, Wake: wake, Worked: s.cfg.Worked,
		Work: func(ctx context.Context) (int, bool, error) {
			n, err := batch(ctx, workBatch)
			return n, n == workBatch, err
		},
	}.Run(ctx)
}
