package resiliencehttp

import (
	"container/list"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// host is what a Transport knows of one host: scheme, name and port.
type host struct {
	key     string
	address string // name and port
	breaker *resilience.Breaker
	retrier *resilience.Retrier
	budget  *resilience.Budget
	shown   sync.Once // OnBreaker was called
}

// hosts holds the hosts in use, most recent first, no more than limit of them.
type hosts struct {
	limit int
	make  func(key, address string) (*host, error)

	mu    sync.Mutex
	byKey map[string]*list.Element
	order list.List // of *host
}

// get returns the host of a URL, new or known.
func (hs *hosts) get(u *url.URL) (*host, error) {
	scheme, address := strings.ToLower(u.Scheme), addressOf(u)
	key := scheme + "://" + address
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if e, ok := hs.byKey[key]; ok {
		hs.order.MoveToFront(e)
		return e.Value.(*host), nil
	}
	h, err := hs.make(key, address)
	if err != nil {
		return nil, err
	}
	if len(hs.byKey) >= hs.limit {
		hs.evict()
	}
	hs.byKey[key] = hs.order.PushFront(h)
	return h, nil
}

// evictLook is how many hosts are looked at for a closed breaker: the time to
// evict must not grow with their number.
const evictLook = 16

// evict forgets the host that was used least recently, among those with a
// closed breaker if one is near: an open one has more to remember. The lock is
// held. Calls in progress keep the host that they began with.
func (hs *hosts) evict() {
	victim := hs.order.Back()
	for e, n := victim, 0; e != nil && n < evictLook; e, n = e.Prev(), n+1 {
		// At the zero instant a question changes no state, so that no listener is
		// called with the lock held.
		if e.Value.(*host).breaker.StateAt(time.Time{}) == resilience.Closed {
			victim = e
			break
		}
	}
	delete(hs.byKey, victim.Value.(*host).key)
	hs.order.Remove(victim)
}

// breakers returns the breakers of all hosts, the most recently used first.
func (hs *hosts) breakers() []*resilience.Breaker {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	all := make([]*resilience.Breaker, 0, len(hs.byKey))
	for e := hs.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*host).breaker)
	}
	return all
}

// addressOf returns the host and port of u in lower case, the scheme's port
// where u names none.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if strings.EqualFold(u.Scheme, "https") {
			port = "443"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func newHosts(cfg Config) *hosts {
	return &hosts{
		limit: cfg.MaxHosts,
		byKey: map[string]*list.Element{},
		make: func(key, address string) (*host, error) {
			h := &host{key: key, address: address}
			var err error
			if h.breaker, err = resilience.New(cfg.breakerConfig(address)); err != nil {
				return nil, err
			}
			retry := cfg.retryConfig()
			if retry.Budget == nil {
				retry.Budget, err = resilience.NewBudget(defaultBudgetPercent, defaultBudgetReserve)
				if err != nil {
					return nil, err
				}
			}
			h.budget = retry.Budget
			h.retrier, err = resilience.NewRetrier(retry)
			return h, err
		},
	}
}
