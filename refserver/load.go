package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/load"
)

type loadCommand struct {
	Preset        string         `arg:"" optional:"" help:"availability, availability-failure or performance."`
	URL           string         `help:"Address of the shop; default: as set, on this machine."`
	Users         int            `help:"Customers with filled carts; default: twice the rate."`
	Rate          int            `help:"Checkouts offered a second."`
	Duration      time.Duration  `help:"How long to offer them."`
	Runs          int            `help:"How many to offer in all, instead of a duration."`
	Concurrency   int            `help:"Most requests in flight at once." default:"4096"`
	Delay         *time.Duration `help:"Pause between checkouts; 0: as fast as --concurrency goes."`
	ProductID     int64          `help:"Product that everybody buys." default:"2"`
	Products      int            `help:"Number of products to buy in turn instead; missing ones are created."`
	Card          int            `help:"Percent of checkouts that pay by card." default:"-1"`
	Outage        time.Duration  `help:"How long the payment provider does not answer, in the middle of the run."`
	ProviderURL   string         `help:"Address of the payment simulator; default: PAYMENT_PROVIDER_URL." `
	AdminUser     string         `help:"Admin who raises the stock; default: as set."`
	AdminPassword string         `help:"Password of the admin; default: as set." env:"LOAD_ADMIN_PASSWORD"`
	Report        string         `help:"File for an HTML report." default:"load-report.html"`
}

// Run drives the shop and prints the results.
func (c loadCommand) Run(p *process) error {
	settings, err := p.clientConfig()
	if err != nil {
		return err
	}
	o, err := load.Preset(c.Preset)
	if err != nil {
		return usageError{fmt.Errorf("%w; see refserver help", err)}
	}
	o.URL, o.ProviderURL, o.Report = c.URL, c.ProviderURL, c.Report
	o.AdminUser, o.AdminPassword = c.AdminUser, c.AdminPassword
	if o.URL == "" {
		o.URL = localURL(settings)
	}
	if o.ProviderURL == "" {
		o.ProviderURL = string(settings.PaymentProviderURL)
	}
	if o.AdminUser == "" {
		o.AdminUser = settings.SuperAdminUsername
	}
	if o.AdminPassword == "" {
		o.AdminPassword = string(settings.SuperAdminPassword)
	}
	if c.Rate != 0 {
		o.Rate = c.Rate
	}
	if c.Duration != 0 {
		o.Duration = c.Duration
	}
	if c.Users != 0 {
		o.Users = c.Users
	}
	if c.Card >= 0 {
		o.CardPercent = c.Card
	}
	if c.Outage != 0 {
		o.Outage = c.Outage
	}
	if c.Delay != nil {
		o.Delay, o.Closed = *c.Delay, *c.Delay == 0
	}
	o.Runs, o.Concurrency = c.Runs, c.Concurrency
	o.ProductID, o.Products = c.ProductID, c.Products
	_, err = load.Run(p.ctx, o, p.stdout)
	if errors.Is(err, load.ErrOptions) {
		return usageError{fmt.Errorf("%w; see refserver help", err)}
	}
	return err
}
