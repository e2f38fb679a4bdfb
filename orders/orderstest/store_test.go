package orderstest_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
)

func TestMemoryStore(t *testing.T) {
	orderstest.TestStore(t, func(*testing.T) orders.Store { return orderstest.NewStore() })
}

func TestMemoryStoreIsLinearizable(t *testing.T) {
	orderstest.TestLinearizable(t, func(*testing.T) orders.Store { return orderstest.NewStore() }, 100)
}
