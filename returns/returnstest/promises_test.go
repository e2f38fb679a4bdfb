package returnstest

import (
	"testing"

	"github.com/returnkit/returnkit/internal/suite"
)

func TestTheSuitesHoldToWhatIsDocumented(t *testing.T) {
	suite.Check(t, "../store.go", "Store", storePromises)
	suite.Check(t, "../store.go", "Orders", ordersPromises)
	suite.Check(t, "../store.go", "Restocker", restockerPromises)
	suite.Check(t, "../store.go", "EvidenceStore", evidencePromises)
}
