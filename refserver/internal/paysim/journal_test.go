package paysim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
)

// reopen closes the simulator and starts another on the same ledger.
func (b *bundle) reopen(cfg Config) *bundle {
	b.Helper()
	if err := b.sim.Close(); err != nil {
		b.Fatal(err)
	}
	return start(b.T, cfg)
}

func TestMoneyAndKeysSurviveARestart(t *testing.T) {
	cfg := Config{Ledger: filepath.Join(t.TempDir(), "data", "ledger.jsonl")}
	b := start(t, cfg)
	i := b.paid("k", 1000, "pm_card_visa")
	r, err := b.refund(ctx, "r", i.ID, 400)
	if err != nil {
		t.Fatal(err)
	}
	b.faults(Faults{Refund: CallFaults{Stored5xx: 1}, Charge: CallFaults{DropAfter: 1}})
	_, err = b.refund(ctx, "stored", i.ID, 1)
	b.wantError(err, 500, stripe.ErrorTypeAPI, "")
	_, err = b.create(ctx, "lost", 70, "pm_card_visa", true)
	b.wantNoAnswer(err)
	_, err = b.create(ctx, "declined", 70, "", false)
	b.wantNoAnswer(err)
	before := b.sim.Ledger()

	b = b.reopen(cfg)
	if after := b.sim.Ledger(); !reflect.DeepEqual(after, before) {
		t.Fatalf("ledger was %+v and is %+v", before, after)
	}
	again, err := b.create(ctx, "k", 1000, "pm_card_visa", true)
	if err != nil || !replayed(again.LastResponse.Header) ||
		string(again.LastResponse.RawJSON) != string(i.LastResponse.RawJSON) {
		t.Errorf("charge under its key: %v, %v", again, err)
	}
	if r2, err := b.refund(ctx, "r", i.ID, 400); err != nil || r2.ID != r.ID {
		t.Errorf("refund under its key: %v, %v", r2, err)
	}
	_, err = b.refund(ctx, "stored", i.ID, 1)
	if e := b.wantError(err, 500, stripe.ErrorTypeAPI, ""); !replayed(e.LastResponse.Header) {
		t.Error("the stored 500 did not survive")
	}
	if lost, err := b.create(ctx, "lost", 70, "pm_card_visa", true); err != nil || !replayed(lost.LastResponse.Header) {
		t.Errorf("charge whose answer was lost: %v, %v", lost, err)
	}
	got, err := b.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil)
	if err != nil || got.Metadata["order_id"] != "order-k" {
		t.Errorf("retrieve: %v, %v", got, err)
	}
	fresh := b.paid("new", 50, "pm_card_visa")
	if fresh.ID == i.ID || b.sim.state.numbers <= 0 {
		t.Errorf("id %s was given twice", fresh.ID)
	}
	_, err = b.refund(ctx, "too much", i.ID, 601)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "")
}

func TestARefundDueLaterSettlesAfterARestart(t *testing.T) {
	cfg := Config{Ledger: filepath.Join(t.TempDir(), "ledger"), SettleAfter: time.Hour}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	b := start(t, cfg)
	i := b.paid("k", 100, "pm_card_pendingRefund")
	if _, err := b.refund(ctx, "r", i.ID, 0); err != nil {
		t.Fatal(err)
	}
	later := now.Add(2 * time.Hour)
	cfg.Now = func() time.Time { return later }
	b = b.reopen(cfg)
	b.eventually("the refund succeeds", func() bool { return b.sim.Ledger().Refunds[0].Status == "succeeded" })
}

func TestATornLastLineIsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	b := start(t, Config{Ledger: path})
	b.paid("a", 51, "pm_card_visa")
	b.paid("b", 52, "pm_card_visa")
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	if len(lines) != 4 || len(lines[3]) != 0 { // start, a, b
		t.Fatalf("%d lines: %s", len(lines), whole)
	}
	lastAt := len(whole) - len(lines[2])
	for cut := len(lines[0]); cut < len(whole); cut += 37 {
		charges := 0
		if cut >= len(lines[0])+len(lines[1]) {
			charges = 1
		}
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		sim, err := New(Config{Ledger: path})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := len(sim.Ledger().Charges); got != charges {
			t.Errorf("cut at %d: %d charges, want %d", cut, got, charges)
		}
		left, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(left, []byte("}\n")) || !bytes.HasPrefix(whole, left) {
			t.Errorf("cut at %d: the torn line is still in the file (%v)", cut, err)
		}
		// What is appended now must stand on a line of its own.
		b := &bundle{T: t, sim: sim}
		if b.url, err = sim.Start(ctx, "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		b.client = newClient(b.url)
		b.paid("c", 53, "pm_card_visa")
		b = b.reopen(Config{Ledger: path})
		b.wantMoney(charges+1, 0)
		if err := b.sim.Close(); err != nil {
			t.Fatal(err)
		}
	}

	orphan := []byte(`{"charge":{"id":"ch_1","intent":"pi_gone"}}` + "\n")
	garbled := append(bytes.Clone(whole[:lastAt]), make([]byte, len(lines[2]))...)
	garbled[len(garbled)-1] = '\n'
	for name, tc := range map[string]struct {
		data []byte
		ok   bool
	}{
		"a last line of zeros":    {garbled, true},
		"an empty file":           {nil, true},
		"half a first line":       {lines[0][:12], true},
		"half its opening":        {lines[0][:3], true},
		"a bad line in between":   {bytes.Join([][]byte{lines[0], []byte("{\n"), lines[2]}, nil), false},
		"a missing line":          {slices.Concat(lines[0], orphan, lines[2]), false},
		"two ledgers in one file": {append(bytes.Clone(whole), whole...), false},
		"an orphan as last line":  {slices.Concat(whole, orphan), false},
		"somebody's file":         {[]byte("package main\n"), false},
		"somebody's short file":   {[]byte("hello"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, tc.data, 0o600); err != nil {
				t.Fatal(err)
			}
			sim, err := New(Config{Ledger: path})
			if (err == nil) != tc.ok {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				_ = sim.Close()
				return
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, tc.data) {
				t.Error("a file that was refused has been changed")
			}
		})
	}
}

// testdata/ledger-format1.jsonl was written before there were formats.
func TestALedgerOfTheFirstFormatIsReadAndContinued(t *testing.T) {
	old, err := os.ReadFile("testdata/ledger-format1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	b := start(t, Config{Ledger: path})
	l := b.wantMoney(2, 1)
	if len(l.Disputes) != 2 || l.Disputes[0].Status != "won" || l.Disputes[1].Status != "warning_needs_response" ||
		l.Charges[0].AmountMinor != 1000 || l.Refunds[0].AmountMinor != 400 || l.Calls != 4 {
		t.Errorf("%+v", l)
	}
	if _, err := b.sim.CloseDispute(l.Disputes[1].ID, "warning_closed"); err != nil {
		t.Error(err)
	}
	r, err := b.refund(ctx, "rest", l.Charges[0].PaymentIntent, 0)
	if err != nil || r.Amount != 600 {
		t.Errorf("the rest: %+v, %v", r, err)
	}
	b.payByPage(b.session("new", 1000), "4242424242424242")
	for range 2 {
		b = b.reopen(Config{Ledger: path})
		b.wantMoney(3, 2)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(got, old) || bytes.Count(got, []byte(`"format":2`)) != 1 {
		t.Errorf("%v; the file is now\n%s", err, got)
	}
}

func TestALedgerOfANewerFormatIsRefusedInOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	b := start(t, Config{Ledger: path})
	b.paid("a", 51, "pm_card_visa")
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"from its first line": bytes.Replace(whole, []byte(`"format":2`), []byte(`"format":3`), 1),
		"in its last line":    append(bytes.Clone(whole), `{"format":3,"at":"2027-01-01T00:00:00Z"}`+"\n"...),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := New(Config{Ledger: path})
			if err == nil || !contains(err.Error(), "newer version") || !contains(err.Error(), path) ||
				contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, data) {
				t.Error("the refused file has been changed")
			}
		})
	}
}

func TestALedgerHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	first, err := New(Config{Ledger: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Ledger: path}); err == nil || !contains(err.Error(), "in use") {
		t.Errorf("the second simulator got %v", err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	second, err := New(Config{Ledger: path})
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
}

// What was answered is on disk at that moment, whatever comes after.
func TestNobodyIsToldOfWhatIsNotOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	b := start(t, Config{Ledger: path})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for k := range 10 {
				i := b.paid(fmt.Sprint(n, "-", k), 100, "pm_card_visa")
				data, err := os.ReadFile(path)
				if err != nil || !bytes.Contains(data, []byte(i.ID)) {
					t.Errorf("%s was answered but is not in the file (%v)", i.ID, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestAFullDiskIsNotAnswered(t *testing.T) {
	b := start(t, Config{Ledger: filepath.Join(t.TempDir(), "ledger")})
	i := b.paid("k", 100, "pm_card_visa")
	b.sim.journal.file.Close() // every write fails from here on
	_, err := b.refund(ctx, "r", i.ID, 10)
	b.wantNoAnswer(err)
	_, err = b.client.V1PaymentIntents.Retrieve(ctx, i.ID, nil)
	b.wantNoAnswer(err)
	if status, body, _ := b.send("GET", "/_sim/ledger", "", nil); status != 500 || !contains(body, "write the ledger") {
		t.Errorf("%d %s", status, body)
	}
	if err := b.sim.Close(); err == nil {
		t.Error("Close hides that the ledger is not on disk")
	}
}

func TestEntriesReadBackAsWritten(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	e := entry{At: at, Calls: 3, Numbers: 9,
		Intent: &intent{
			ID: "pi", Amount: 5, Status: statusCanceled, CanceledAt: &at, Metadata: map[string]string{"a": "ü\n"},
			LastError: &apiError{Code: "x"}, CreatedAt: at,
		},
		Charge:  &charge{ID: "ch", Intent: "pi", Declined: "card_declined", CreatedAt: at},
		Refund:  &refund{ID: "re", SettlesTo: statusFailed, SettlesAt: &at, CreatedAt: at, Outside: true},
		Dispute: &dispute{ID: "dp", Intent: "pi", ClosedAt: &at, CreatedAt: at, Movements: []movement{{"txn", -5, at}}},
		Session: &session{ID: "cs", Items: []lineItem{{"li", "a", 5, 1}}, Intent: "pi", CreatedAt: at, ExpiresAt: at},
		Stored:  &storedAnswer{Key: "k", Body: json.RawMessage(`{}`), At: at},
		Events:  []event{{ID: "evt", At: at, Body: json.RawMessage(`{}`)}},
	}
	line := marshal(e)
	if bytes.ContainsRune(line, '\n') {
		t.Error("an entry is more than a line")
	}
	var back entry
	if err := json.Unmarshal(line, &back); err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%v\n%+v\n%+v", err, back, e)
	}
}
