package app

import (
	"context"
	"crypto/rand"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/mailing"
	"github.com/returnkit/returnkit/refserver/internal/notice"
	"github.com/returnkit/returnkit/refserver/internal/webhook"
)

// audiences are the roles that are notified.
var audiences = map[notice.Audience][]auth.Role{
	notice.Deciders: access.Roles(access.ReturnsDecide),
	notice.Payers:   access.Roles(access.ReviewSettle),
	notice.Buyers:   access.Roles(access.CatalogChange),
}

// openNotices makes what notifies people, and what sends events to other systems.
func (s *App) openNotices() (err error) {
	accounts := auth.NewDB(s.DB)
	s.Notices, err = notice.New(notice.Config{
		DB: s.DB, LowStock: s.Config.LowStockThreshold, Now: s.now, Log: observability.Named(s.Log, "notices"),
		Staff: func(ctx context.Context, a notice.Audience) ([]string, error) {
			return accounts.WithRoles(ctx, audiences[a]...)
		},
		Products: func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
			return s.Orders.FindProducts(ctx, q)
		},
		Mail: s.mailNotice, Low: func(n int) { s.outgoing.lowStock.Set(float64(n)) },
	})
	if err != nil {
		return err
	}
	s.EventsOut, err = webhook.New(webhook.Config{
		DB: s.DB, Secret: []byte(s.Config.SecretKey), PrivateAddresses: s.Config.WebhookPrivateAddresses, Now: s.now,
		Log: observability.Named(s.Log, "webhooks"), Retry: s.webhookRetry,
		Sent: func(result string) { s.outgoing.webhooks.WithLabelValues(result).Inc() },
	})
	if err != nil {
		return err
	}
	s.group.Add("send webhooks", s.EventsOut)
	s.group.Add("follow notices", runner(func(ctx context.Context) {
		s.Notices.Hub().Run(ctx, observability.Named(s.Log, "notices"))
	}))
	return nil
}

// followNotices has notices and webhooks see what happens.
func (s *App) followNotices() error {
	for _, stream := range streams {
		notices := func(ctx context.Context, tx bun.IDB, events []event.Event) error {
			return s.Notices.Note(ctx, tx, stream, events)
		}
		if err := s.Events.Watch(stream, notice.StoredTypes(stream), outboxdb.Watcher(notices)); err != nil {
			return err
		}
		webhooks := func(ctx context.Context, tx bun.IDB, events []event.Event) error {
			return s.EventsOut.Note(ctx, tx, stream, events)
		}
		if err := s.Events.Watch(stream, webhook.StoredTypes(stream), outboxdb.Watcher(webhooks)); err != nil {
			return err
		}
	}
	return nil
}

// followedOrders are the types of events of orders that somebody follows.
func followedOrders() []string {
	return append(webhook.StoredTypes(ordersStream), notice.StoredTypes(ordersStream)...)
}

// mailNotice mails a customer what the notice says.
func (s *App) mailNotice(ctx context.Context, tx bun.IDB, m notice.Message) error {
	if s.Mailing == nil {
		return nil
	}
	return s.Mailing.Add(ctx, tx, mailing.Mail{
		Key: "notice:" + m.UserID + ":" + m.EventID, UserID: m.UserID, Kind: mailing.News,
		Content: mailing.Content{
			Subject: m.Title, Lines: []string{m.Text}, Link: m.Href, LinkText: "Open it in the shop",
		},
	})
}

// accountMails are the changes of an account that its owner is mailed about.
var accountMails = map[string]mailing.Content{
	auth.ChangePassword: {
		Subject: "Your password was changed", Lines: []string{"The password of your account was changed just now."},
	},
	auth.ChangePasswordReset: {
		Subject: "Your password was reset",
		Lines:   []string{"The password of your account was reset just now with a link from an e-mail."},
	},
	auth.ChangeFactorOn: {
		Subject: "A second factor was turned on",
		Lines:   []string{"Signing in to your account now needs a code from an authenticator app."},
	},
	auth.ChangeFactorOff: {
		Subject: "The second factor was turned off",
		Lines:   []string{"Signing in to your account now needs the password only."},
	},
	auth.ChangeWrongCodes: {
		Subject: "Wrong codes for your account",
		Lines:   []string{"Somebody entered your password and then several wrong codes of your second factor."},
	},
	auth.ChangeRecovered: {
		Subject: "A recovery code was used",
		Lines:   []string{"Somebody signed in to your account with one of its recovery codes."},
	},
}

// accountMail is the mail about a change of an account; false for a change without one.
func accountMail(c auth.Change) (mailing.Mail, bool) {
	content, ok := accountMails[c.Type]
	if !ok || c.Subject.ID == "" {
		return mailing.Mail{}, false
	}
	content.Lines = append([]string{content.Lines[0]},
		"If it was not you, reset your password now and tell the shop.")
	content.Link, content.LinkText = "/account", "Open your account"
	return mailing.Mail{
		Key: c.Type + ":" + c.Subject.ID + ":" + rand.Text(), UserID: c.Subject.ID, Address: c.Subject.Email,
		Kind: mailing.Security, Content: content,
	}, true
}
