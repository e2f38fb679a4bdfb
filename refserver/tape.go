package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/tape"
)

type recordCommand struct {
	Addr string `help:"Address to listen on; point browsers and load runs there." default:"127.0.0.1:5001"`
	To   string `help:"Address of the shop that requests are forwarded to; default: as set, on this machine."`
	File string `arg:"" help:"File for the tape; it must not exist yet."`
}

// Run passes requests on to a shop and records them until the process is asked to stop.
func (c recordCommand) Run(p *process) (err error) {
	settings, err := p.clientConfig()
	if err != nil {
		return err
	}
	if c.To == "" {
		c.To = localURL(settings)
	}
	shop, err := tape.Proxy(c.To)
	if err != nil {
		return usageError{err}
	}
	out, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making the tape: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	recorder, err := tape.NewRecorder(shop, out)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(p.ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listening on %s (set --addr to choose another address): %w", c.Addr, err)
	}
	srv := &http.Server{Handler: recorder, ReadHeaderTimeout: readHeaderTimeout}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	fmt.Fprintf(
		p.stderr,
		"Recording what is sent to http://%s for %s in %s; stop with Ctrl-C.\n",
		listener.Addr(),
		c.To,
		c.File,
	)
	select {
	case err = <-served:
	case <-p.ctx.Done():
		// A request is written when its handler returns, which is after its answer.
		end, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), drainTimeout)
		defer cancel()
		err = srv.Shutdown(end)
	}
	return errors.Join(err, recorder.Close())
}

type playCommand struct {
	File    string            `arg:"" help:"The tape."`
	URL     string            `help:"Address of the shop to replay to; default: as set, on this machine."`
	Speed   float64           `help:"How much faster than recorded." default:"1"`
	Secrets map[string]string `name:"secret" help:"Value for a secret: 3=VALUE for {{secret:3}}; others are made up."`
}

// errDiffers is that some answers were not as recorded.
var errDiffers = errors.New("some answers are not as recorded")

// Run plays a tape and compares the answers.
func (c playCommand) Run(p *process) error {
	settings, err := p.clientConfig()
	if err != nil {
		return err
	}
	if c.URL == "" {
		c.URL = localURL(settings)
	}
	if c.Speed <= 0 {
		return usageError{fmt.Errorf("--speed is %g; it must be more than 0", c.Speed)}
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("opening the tape: %w", err)
	}
	defer file.Close()
	secrets := map[string]string{}
	for n, value := range c.Secrets {
		secrets["{{secret:"+n+"}}"] = value
	}
	r, err := tape.Play(p.ctx, file, tape.PlayOptions{URL: c.URL, Speed: c.Speed, Secrets: secrets})
	if err != nil {
		return err
	}
	for _, d := range r.Differences {
		fmt.Fprintf(p.stdout, "line %d, %s: recorded %s, answered %s\n", d.Line, d.Request, d.Want, d.Got)
	}
	fmt.Fprintf(
		p.stdout,
		"%d requests in %s: %d answered as recorded, %d otherwise, %d not sent (their bodies are not on the tape); "+
			"the latest was sent %s late.\n",
		r.Requests,
		r.Took.Round(time.Millisecond),
		r.Same,
		r.Different,
		r.Left,
		r.Late.Round(time.Millisecond),
	)
	if r.Different > 0 {
		return errDiffers
	}
	return nil
}
