package orderstest

import (
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
)

func TestTheSuitesHoldToWhatIsDocumented(t *testing.T) {
	suite.Check(t, "../store.go", "Store", storePromises)
	suite.Check(t, "suite_credit.go", "CreditStore", creditPromises)
}
