package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

type migrateCommand struct{}

// Run brings the database to the newest version.
func (migrateCommand) Run(p *process) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	if err := app.Migrate(p.ctx, c); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "The database is at its newest version.")
	return nil
}

type paysimCommand struct {
	Addr          string `help:"Address to listen on; port 0 takes a free one." default:"127.0.0.1:12111"`
	Ledger        string `help:"File of the ledger; default: in memory." type:"path"`
	WebhookURL    string `help:"Address that events are sent to, such as http://localhost:5000/webhooks/stripe."`
	WebhookSecret string `help:"Secret that signs events; default: STRIPE_WEBHOOK_SECRET of the environment."`
	PublicURL     string `help:"Address of the payment pages for browsers; default: the one the shop uses."`
}

// Run runs the simulator until the process is asked to stop.
func (c paysimCommand) Run(p *process) error {
	if c.WebhookSecret == "" {
		c.WebhookSecret = env.ToMap(p.environ)["STRIPE_WEBHOOK_SECRET"]
	}
	sim, err := paysim.New(paysim.Config{
		Ledger: c.Ledger, WebhookURL: c.WebhookURL, WebhookSecret: c.WebhookSecret, PublicURL: c.PublicURL,
		Logger: slog.New(slog.NewJSONHandler(p.stdout, nil)),
	})
	if err != nil {
		return err
	}
	url, err := sim.Start(p.ctx, c.Addr)
	if err != nil {
		_ = sim.Close() // the error of Start says what is wrong
		return err
	}
	fmt.Fprintf(p.stderr, "Payment simulator at %s (ledger %s/_sim/ledger, faults %s/_sim/faults)\n", url, url, url)
	<-p.ctx.Done()
	return sim.Close()
}

type healthcheckCommand struct {
	URL     string        `help:"Address of the health report; default: that of a shop on this machine."`
	Timeout time.Duration `help:"How long the answer may take." default:"3s"`
}

// Run asks the shop how it is. Its error makes the exit code 1.
func (c healthcheckCommand) Run(p *process) error {
	url := c.URL
	if url == "" {
		settings, err := p.clientConfig()
		if err != nil {
			return err
		}
		url = localURL(settings) + "/health"
	}
	ctx, cancel := context.WithTimeout(p.ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("healthcheck: %s: %w", url, err)
	}
	var report struct {
		Status string `json:"status"`
	}
	// What is not the report is shown by its HTTP status alone.
	_ = json.Unmarshal(body, &report)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s: %s %s", url, res.Status, report.Status)
	}
	fmt.Fprintln(p.stdout, report.Status)
	return nil
}

// localURL is the address of a shop with these settings for its own machine.
func localURL(c config.Config) string {
	host := c.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(c.Port))
}
