package observabilitydb

import "testing"

func TestAReaderKeepsABoundedNumberOfDays(t *testing.T) {
	var m memory
	for n := int64(0); n < 10*maxDays; n += 90 { // a quarter at a time
		fresh := map[int64]*day{}
		for i := n; i < n+90; i++ {
			fresh[i] = &day{number: i}
		}
		m.keep(fresh)
		if len(m.days) > maxDays {
			t.Fatalf("%d days are kept, want at most %d", len(m.days), maxDays)
		}
		for i := range fresh {
			if m.days[i] == nil {
				t.Fatalf("day %d was forgotten as soon as it was read", i)
			}
		}
	}
}
