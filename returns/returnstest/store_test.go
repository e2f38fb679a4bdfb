package returnstest_test

import (
	"testing"

	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
	"github.com/returnkit/returnkit/returns/returnstest/returnsgen"
)

func TestMemoryStore(t *testing.T) {
	returnstest.TestStore(t, func(*testing.T) returns.Store { return returnstest.NewStore() })
}

func TestMemoryEvidenceStore(t *testing.T) {
	returnstest.TestEvidenceStore(t, func(*testing.T) returns.EvidenceStore { return returnstest.NewEvidenceStore() })
}

func TestOrders(t *testing.T) {
	returnstest.TestOrders(t, func(*testing.T) returnstest.OrdersUnderTest {
		p, _ := returnsgen.GenPurchase().Sample()
		o := p.(purchase.Purchase)
		return returnstest.OrdersUnderTest{Orders: returnstest.NewOrders(o), Completed: o.OrderID, Lines: len(o.Lines)}
	})
}

func TestRestocker(t *testing.T) {
	returnstest.TestRestocker(t, func(*testing.T) returnstest.RestockerUnderTest {
		o := returnstest.NewOrders(purchase.Purchase{OrderID: "o", Lines: []purchase.Line{{ProductID: "lamp"}}})
		return returnstest.RestockerUnderTest{
			Restocker: o, ProductID: "lamp", Stock: func(*testing.T) int { return o.Stock("lamp") },
		}
	})
}

func TestMemoryStoreIsLinearizable(t *testing.T) {
	returnstest.TestLinearizable(t, func(*testing.T) returns.Store { return returnstest.NewStore() }, 100)
}
