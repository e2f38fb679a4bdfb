package refunds

import "testing"

// A test may be longer.
func TestLong(t *testing.T) {
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
	t.Log()
}

func branchyHelper(n int) bool {
	for range n {
		if n > 1 && n < 9 || n == 3 {
			continue
		}
	}
	switch n {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
	case 10:
	default:
	}
	return n == 1 || n == 2
}
