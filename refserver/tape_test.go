package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestARecordedVisitIsPlayedToAnotherShop: a customer registers, buys and looks at the
// order; the other shop gets the same and answers the same.
func TestARecordedVisitIsPlayedToAnotherShop(t *testing.T) {
	shop := func() string {
		return start(t, []string{"PORT=0", "HOST=127.0.0.1", "DATA_DIR=" + t.TempDir()}).url()
	}
	tape := filepath.Join(t.TempDir(), "visit.tape")
	recording := start(t, nil, "record", tape, "--addr", "127.0.0.1:0", "--to", shop())
	recorder := strings.TrimSuffix(recording.url(), "/")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	post(t, c, recorder+"/register", url.Values{
		"username": {"ada"}, "email": {"ada@example.com"}, "password": {"correct horse battery"},
	})
	post(t, c, recorder+"/login", url.Values{"username": {"ada"}, "password": {"correct horse battery"}})
	post(t, c, recorder+"/add_to_cart", url.Values{"product_id": {"2"}, "quantity": {"1"}})
	post(t, c, recorder+"/checkout", url.Values{"payment_method": {"Cash"}})
	res, err := c.Get(recorder + "/api/orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if err := recording.stop(); err != nil {
		t.Fatal(err)
	}
	playing := start(t, nil, "play", tape, "--speed", "20", "--url", shop())
	if err := playing.wait(); err != nil || !strings.Contains(playing.stdout.String(), " 0 otherwise") {
		t.Errorf("%v\n%s%s", err, playing.stdout, playing.stderr)
	}
}

func post(t *testing.T, c *http.Client, address string, form url.Values) {
	t.Helper()
	res, err := c.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s answered %s", address, res.Status)
	}
}
