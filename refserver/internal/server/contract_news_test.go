package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	operations "github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// The subjects of the contract test that the shop tells of: store credit, notices, mails, webhooks
// and runs of scenarios.

// credited is store credit of the customer.
func credited(s *contractShop) subject {
	s.t.Helper()
	s.count++
	s.grant(s.me(), 500, fmt.Sprintf("contract-%d", s.count))
	return subject{}
}

// spentCredit is store credit of the customer, some of it spent on an order.
func spentCredit(s *contractShop) subject {
	s.t.Helper()
	credited(s)
	s.people["admin"].turn(feature.StoreCredit, "enable")
	inCart(s)
	s.people["customer"].form("/checkout", url.Values{
		"payment_method": {"Cash"}, "store_credit": {"1.00"},
	}).want(s.t, http.StatusOK)
	s.people["customer"].get("/api/store-credit").want(s.t, http.StatusOK, `"amount":-1.00`)
	return subject{}
}

// aNotice is a notice of the customer that is not read.
func aNotice(s *contractShop) subject {
	s.t.Helper()
	s.fannedOut("returns", at(authorize)(s).path[1])
	s.notified()
	list := s.people["customer"].notices().Notifications
	if len(list) == 0 || list[0].Read {
		s.t.Fatalf("the newest notice is none that is not read: %+v", list)
	}
	return subject{path: []string{"id", list[0].ID}}
}

// exec changes what only time would.
func (s *contractShop) exec(statement string, values ...any) {
	s.t.Helper()
	err := s.DB.Tx(s.t.Context(), "test", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewRaw(statement, values...).Exec(ctx)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// deadMail is a mail that was given up.
func deadMail(s *contractShop) subject {
	s.t.Helper()
	s.count++
	err := s.Mailing.Add(s.t.Context(), nil, mailing.Mail{
		Key: fmt.Sprintf("contract-%d", s.count), UserID: s.ids["customer"], Kind: mailing.News,
		Content: mailing.Content{Subject: "A mail"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec("UPDATE rk_mails SET dead_at = created_at WHERE sent_at IS NULL")
	list, _, err := s.Mailing.List(s.t.Context(), mailing.Dead, 1, 1)
	if err != nil || len(list) != 1 {
		s.t.Fatal(list, err)
	}
	return subject{path: []string{"id", list[0].ID}}
}

// aWebhook is a webhook for returns that are authorized.
func aWebhook(s *contractShop) subject {
	s.t.Helper()
	a := s.people["admin"].json("/api/admin/webhooks",
		`{"url":"https://receiver.example","events":["return.authorized"]}`)
	var made madeHook
	if err := json.Unmarshal([]byte(a.want(s.t, http.StatusOK).body), &made); err != nil {
		s.t.Fatal(err)
	}
	return subject{path: []string{"id", made.Webhook.ID}}
}

// changed is the webhook after one of the changes that take nothing but its id.
func (s *contractShop) changed(about subject, action string) subject {
	s.t.Helper()
	s.people["admin"].json("/api/admin/webhooks/"+about.path[1]+"/"+action, "").want(s.t, http.StatusOK)
	return about
}

func disabledWebhook(s *contractShop) subject { return s.changed(aWebhook(s), "disable") }
func rotatedWebhook(s *contractShop) subject  { return s.changed(aWebhook(s), "rotate") }
func pinged(s *contractShop) subject          { return s.changed(aWebhook(s), "ping") }

// deadLetter is a webhook and an event of a return that was given up.
func deadLetter(s *contractShop) subject {
	s.t.Helper()
	about := aWebhook(s)
	s.fannedOut("returns", at(authorize)(s).path[1])
	s.exec("UPDATE rk_webhook_deliveries SET dead_at = created_at WHERE endpoint_id = ?", about.path[1])
	a := s.people["admin"].get("/api/admin/webhooks/"+about.path[1]+"/deliveries?state=dead").want(s.t, http.StatusOK)
	var list struct{ Deliveries []struct{ ID string } }
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || len(list.Deliveries) != 1 {
		s.t.Fatal(err, a.body)
	}
	about.path = append(about.path, "event", list.Deliveries[0].ID)
	return about
}

// noRun ends the run of scenarios that is in progress.
func noRun(s *contractShop) subject {
	s.t.Helper()
	runs, err := s.Progress.Operations(s.t.Context(), operations.Query{Kind: quality.Operation, Limit: 100})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, run := range runs {
		if run.State == operations.Running {
			if _, err := s.Progress.Cancel(s.t.Context(), run.ID); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return scenario()
}

// running is a scenario while one is in progress.
func running(s *contractShop) subject {
	s.t.Helper()
	noRun(s)
	run := "/api/admin/scenarios/" + strings.ToLower(fakeScenarios[1].ID) + "/run"
	s.people["admin"].json(run, "").want(s.t, http.StatusAccepted)
	return scenario()
}

func scenario() subject { return subject{path: []string{"id", fakeScenarios[0].ID}} }
