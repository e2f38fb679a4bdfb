package partner

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/outbound"
)

// TestAPrivateAddressIsNotFetched: also behind a name, since the connection is judged.
func TestAPrivateAddressIsNotFetched(t *testing.T) {
	asked := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer srv.Close()
	port := srv.Listener.Addr().String()
	port = port[len("127.0.0.1"):]
	for _, address := range []string{srv.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port} {
		if _, err := newFetcher(false).get(t.Context(), address, ""); !errors.Is(err, outbound.ErrPrivate) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if asked {
		t.Error("it was asked")
	}
	if _, err := newFetcher(true).get(t.Context(), srv.URL, ""); err != nil || !asked {
		t.Errorf("in development: asked %v, %v", asked, err)
	}
}
