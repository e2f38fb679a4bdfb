package crashtest

import (
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// BenchmarkRefundThroughTheWholeShop pays approved cases back over HTTP, from
// the request to the restock, by card through the simulator and PostgreSQL, for
// 8 clients or as many as CLIENTS says:
//
//	SQLSTORETEST_FSYNC=on go test -run '^$' -bench Refund -benchtime 1000x ./refserver/internal/e2e/crashtest/
func BenchmarkRefundThroughTheWholeShop(b *testing.B) {
	w := newWorldWith(b, sqlstoretest.PostgresURL(b)) // a provider that answers at once writes no file
	server := w.shop()
	admin := w.staff(server)
	w.approved(admin, b.N)
	work := make(chan string, b.N)
	for _, id := range w.cases {
		work <- id
	}
	close(work)
	var group sync.WaitGroup
	b.ResetTimer()
	for range number(b, "CLIENTS", 8) {
		group.Go(func() {
			for id := range work {
				if c, status, err := admin.Refund(b.Context(), id, ""); err != nil || status != 200 {
					b.Errorf("case %s: %d %s, %v", id, status, c.Status, err)
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refunds/s")
	server.stop()
	w.verdict()
}
