package redisthrottle

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// Dial returns a client of one Redis with settings that suit a [Limiter]: all
// decisions share connections and are pipelined, none is sent twice, and a
// connection that is silent for a second is given up. The URL begins with
// redis://, rediss:// (TLS) or unix://.
//
// A Redis that cannot be reached, or that answers that it has no room for
// clients, is loading or is a replica, is no error: the client connects when it
// is first used, and again after each loss. Dial returns an error for what only
// an operator can mend: a URL that cannot be read, a user or password that is
// refused, a database that does not exist.
func Dial(url string) (rueidis.Client, error) {
	opt, err := rueidis.ParseURL(url)
	if err != nil {
		// The parser's words repeat the URL, which may hold a password.
		return nil, errors.New("redisthrottle: the Redis URL cannot be read, " +
			"allowed is redis://user:password@host:port/db, rediss:// or unix:///path")
	}
	opt.ForceSingleClient = true // the one that outlives a failed first connection
	opt.AlwaysPipelining = true  // or the first deadline that passes cuts the connection
	opt.DisableCache = true
	opt.DisableRetry = true
	opt.Dialer.Timeout = time.Second
	opt.Dialer.KeepAlive = time.Second // also when a silent connection is tried
	opt.ConnWriteTimeout = time.Second
	opt.DialCtxFn = detached(opt.DialCtxFn)
	client, err := rueidis.NewClient(opt)
	if client == nil {
		return nil, fmt.Errorf("redisthrottle: connect to Redis: %w", err)
	}
	if refused, ok := rueidis.IsRedisErr(err); ok && needsPerson(refused.Error()) {
		client.Close()
		return nil, fmt.Errorf("redisthrottle: connect to Redis: %w", err)
	}
	return client, nil
}

// needsPerson reports whether a Redis refuses the connection for what was
// configured, and not for its state.
func needsPerson(message string) bool {
	for _, beginning := range []string{
		"WRONGPASS", "NOAUTH", "NOPERM", "ERR invalid password", "ERR Client sent AUTH", "ERR AUTH",
		"ERR DB index", "ERR invalid DB index", "ERR SELECT is not allowed",
	} {
		if strings.HasPrefix(message, beginning) {
			return true
		}
	}
	return false
}

type dialer = func(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error)

// detached connects on its own time. The first decision pays for the connection
// of all, and its budget may well be shorter than a handshake.
func detached(dial dialer) dialer {
	if dial == nil {
		dial = func(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
			if t != nil {
				return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", addr)
			}
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	return func(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
		conn, err := dial(context.WithoutCancel(ctx), addr, d, t)
		if err != nil {
			return nil, err
		}
		return &askFirst{Conn: conn, asked: make(chan struct{})}, nil
	}
}

// askFirst is a connection on which nothing is read before something was
// written. A Redis with no room for clients, or in protected mode, says so on its
// own account as soon as it is connected to. The client of rueidis v1.0.79 panics
// if it reads that before its first command is in its queue; read after that, it
// is the answer to the command.
type askFirst struct {
	net.Conn
	once   sync.Once
	asked  chan struct{}
	bounds bounds
}

func (c *askFirst) Read(b []byte) (int, error) {
	<-c.asked
	n, err := c.Conn.Read(b)
	if broken := c.bounds.check(b[:n]); broken != nil {
		return 0, broken
	}
	return n, err
}

func (c *askFirst) Write(b []byte) (int, error) {
	c.once.Do(func() { close(c.asked) })
	return c.Conn.Write(b)
}

// Close ends a Read that waits, too.
func (c *askFirst) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.asked) })
	return err
}
