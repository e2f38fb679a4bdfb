package crashtest

import (
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// BenchmarkRefundThroughTheWholeShop pays approved cases back over HTTP, from
// the request to the restock, by card through the simulator and PostgreSQL, for
// 8 clients or as many as CLIENTS says. Where pgbench is installed, its TPC-B follows on
// the same server, by 8 clients for 12 s or PGBENCH_SECONDS, and the ratio is reported, with
// how many transactions of the database wrote for each refund. A test of refundsdb beside it
// says how many statements one refund sends:
//
//	SQLSTORETEST_FSYNC=on go test -v -run TestStatementsPerRefund -bench RefundThrough -benchtime 1000x \
//		./refunds/refundsdb/ ./refserver/internal/e2e/crashtest/
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
	// The next number of a transaction that writes; reading it takes none.
	const next = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
	before := w.count(next)
	b.ResetTimer()
	for range testreq.Number(b, "CLIENTS", 8) {
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
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "refunds/s")
	b.ReportMetric(float64(w.count(next)-before)/float64(b.N), "writing-commits/refund")
	server.Stop()
	w.verdict()
	if tps := pgbench(b); tps > 0 && b.N > 1 {
		b.ReportMetric(tps, "pgbench-tps")
		b.ReportMetric(rate/tps, "x-pgbench")
	}
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)

// pgbench returns the transactions per second of TPC-B, one commit each, in a database of
// its own on the server; 0 where pgbench is not installed, and for the first round of a
// benchmark, which is of one refund.
func pgbench(b *testing.B) float64 {
	b.Helper()
	if _, err := exec.LookPath("pgbench"); err != nil || b.N == 1 {
		return 0
	}
	url, clients := sqlstoretest.PostgresURL(b), "8"
	seconds := strconv.FormatInt(testreq.Number(b, "PGBENCH_SECONDS", 12), 10)
	for _, args := range [][]string{{"-i", "-q", "-s", "10"}, {"-c", clients, "-j", "2", "-T", seconds}} {
		out, err := exec.CommandContext(b.Context(), "pgbench", append(args, url)...).CombinedOutput()
		if err != nil {
			b.Fatalf("pgbench %v: %v\n%s", args, err, out)
		}
		if found := tps.FindSubmatch(out); found != nil {
			rate, err := strconv.ParseFloat(string(found[1]), 64)
			if err != nil {
				b.Fatal(err)
			}
			return rate
		}
	}
	b.Fatal("pgbench says no tps")
	return 0
}
