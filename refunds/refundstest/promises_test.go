package refundstest

import (
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
)

func TestTheSuitesHoldToWhatIsDocumented(t *testing.T) {
	suite.Check(t, "../store.go", "Store", storePromises)
	suite.Check(t, "../../orders/payment/refund.go", "RefundGateway", promisesOf(gatewayPromises))
}
