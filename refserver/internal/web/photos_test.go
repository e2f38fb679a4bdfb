package web_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var formKeyField = regexp.MustCompile(`name="Idempotency-Key" value="([^"]+)"`)

// TestADoubleClickOnARequestIsOneCase: the form has a key, under which the same
// form, parted in another way, is answered the same.
func TestADoubleClickOnARequestIsOneCase(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 3)
	found := formKeyField.FindStringSubmatch(ada.
		get("/returns/new?sale_id=" + o.ID + "&reason=DAMAGED&quantity_" + o.Lines[0].ID + "=3").
		want(http.StatusOK).body)
	if found == nil {
		t.Fatal("the form has no key")
	}
	fields := []string{
		"sale_id",
		o.ID,
		"Idempotency-Key",
		found[1],
		"reason",
		"DAMAGED",
		"quantity_" + o.Lines[0].ID,
		"3",
	}
	files := [][]byte{picture(t), picture(t)}
	for range 2 { // the second asks for units that the first holds
		if to := ada.photos("/returns/request", files,
			fields...).want(http.StatusFound).Header.Get("Location"); to != "/returns" {
			t.Errorf("leads to %s", to)
		}
	}
	if c := b.caseOf(o.ID); len(c.Evidence) != 2 {
		t.Errorf("%d photos", len(c.Evidence))
	}
	ada.photos("/returns/request", files[:1], fields...).want(http.StatusConflict, "used for another request")
	// Without the key, and with another, it is a request of its own.
	fields[3] = "another"
	ada.photos("/returns/request", files, fields...).want(http.StatusBadRequest)
	b.caseOf(o.ID)
}

func progressiveHeader(w, h uint16) []byte {
	out := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xc2\x00\x11\x08"), h)
	out = binary.BigEndian.AppendUint16(out, w)
	return append(out, "\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda"...)
}

// TestARefusedPhotoIsNamedOnTheForm: which one, why, and what is allowed; and
// what was filled in stays.
func TestARefusedPhotoIsNamedOnTheForm(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob := b.customer("ada"), b.customer("bob")
	o := b.bought(ada, 3)
	line := o.Lines[0].ID
	ask(
		ada,
		o.ID,
		line,
		"2",
		[][]byte{picture(t), progressiveHeader(6324, 6324)},
	).want(http.StatusRequestEntityTooLarge,
		"Photo 2 of 2 (photo.png) can&#39;t be used", "6324 x 6324 pixels (progressive JPEG, 4:4:4)",
		"at most 256 MB are allowed", "broken &lt;b&gt;corner")
	ask(ada, o.ID, line, "2", [][]byte{picture(t), make([]byte, 11<<20)}).want(http.StatusRequestEntityTooLarge,
		"Photo 2 (photo.png) is larger than 10 MB", "broken &lt;b&gt;corner")
	ask(
		ada,
		o.ID,
		line,
		"2",
		[][]byte{[]byte("<?php ?>")},
	).want(http.StatusBadRequest, "The photo (photo.png) can&#39;t be used", "jpeg, png, gif, webp")
	// Whose order it is comes before anything about the photos.
	ask(bob, o.ID, line, "1", [][]byte{make([]byte, 11<<20)}).want(http.StatusBadRequest, "another account")
	if n, err := storedPhotos(b); n != 0 || err != nil {
		t.Errorf("%d photos are stored, %v", n, err)
	}
	ask(ada, o.ID, line, "2", [][]byte{picture(t)}).want(http.StatusFound)
	if n, err := storedPhotos(b); n != 1 || err != nil {
		t.Errorf("%d photos are stored, %v", n, err)
	}
}

// storedPhotos counts the files in the directory of photos, those under way
// too, but not those that a form keeps.
func storedPhotos(b *bundle) (n int, err error) {
	err = filepath.WalkDir(b.Config.EvidenceDir(), func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".staged" {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	return n, err
}

// TestTwentyPhotosOfTenMegabytes: what the form promises.
func TestTwentyPhotosOfTenMegabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("200 MB of photos are sent")
	}
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 3)
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 400, 300)), nil); err != nil {
		t.Fatal(err)
	}
	// A photo of 10 MB whose picture takes no time: the rest is a comment.
	large := small.Bytes()[:2]
	for len(large) < 10<<20-70_000 {
		large = append(append(large[:len(large):len(large)], 0xff, 0xfe, 0xff, 0xff), make([]byte, 65_533)...)
	}
	large = append(large, small.Bytes()[2:]...)
	files := make([][]byte, 20)
	for i := range files {
		files[i] = large
	}
	ask(ada, o.ID, o.Lines[0].ID, "1", files).want(http.StatusFound)
	if c := b.caseOf(o.ID); len(c.Evidence) != 20 {
		t.Errorf("%d photos", len(c.Evidence))
	}
	ask(
		ada,
		o.ID,
		o.Lines[0].ID,
		"1",
		append(files, picture(t)),
	).want(http.StatusBadRequest, "There are 21 photos. At most 20")
}

// TestPhotosOfCasesAreKnownToTheSweep: it removes what is left of a process
// that was killed, and never those of a case.
func TestPhotosOfCasesAreKnownToTheSweep(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 3)
	ask(ada, o.ID, o.Lines[0].ID, "1", [][]byte{picture(t), picture(t)}).want(http.StatusFound)
	c := b.caseOf(o.ID)
	if err := b.Evidence.Put(t.Context(), "2026/01/orphan.jpg", []byte("photo")); err != nil {
		t.Fatal(err)
	}
	if n, err := b.SweepPhotos(t.Context(), c.CreatedAt.AddDate(0, 0, 1)); n != 1 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	for _, e := range c.Evidence {
		body, _, err := b.Returns.OpenEvidence(t.Context(), c.ID, e.ID)
		if err != nil {
			t.Fatalf("a photo of a case: %v", err)
		}
		_ = body.Close()
	}
	if n, err := storedPhotos(b); n != 2 || err != nil {
		t.Errorf("%d photos are stored, %v", n, err)
	}
}

// TestARequestInJSONIsJudgedFirstAndCarriedOutOncePerKey: the photos come in
// base64, of which nothing is read before the rest is known to be good.
func TestARequestInJSONIsJudgedFirstAndCarriedOutOncePerKey(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob := b.customer("ada"), b.customer("bob")
	o := b.bought(ada, 3)
	body := func(units int, photos ...string) *strings.Reader {
		return strings.NewReader(fmt.Sprintf(
			`{"sale_id":%q,"reason":"DAMAGED","items":[{"sale_item_id":%q,"quantity":%d}],"photos":["%s"]}`,
			o.ID, o.Lines[0].ID, units, strings.Join(photos, `","`)))
	}
	photo := base64.StdEncoding.EncodeToString(picture(t))
	const path, kind = "/api/returns", "application/json"
	bob.do(http.MethodPost, path, kind, body(1, "%% no photo %%")).want(http.StatusBadRequest, "NOT_YOUR_ORDER")
	ada.do(http.MethodPost, path, kind, body(4, "%% no photo %%")).
		want(http.StatusBadRequest, "QUANTITY_OVER_PURCHASED")
	ada.do(http.MethodPost, path, kind, body(1, photo, "%% no photo %%")).
		want(http.StatusBadRequest, `"field":"photos[1]"`)
	large := base64.StdEncoding.EncodeToString(progressiveHeader(6324, 6324))
	ada.do(http.MethodPost, path, kind, body(1, photo, large)).want(http.StatusRequestEntityTooLarge,
		"PHOTO_TOO_LARGE", "Photo 2 of 2 (photos[1]) can't be used", "6324 x 6324 pixels")
	key := []string{"Idempotency-Key", "key of ada"}
	first := ada.do(http.MethodPost, path, kind, body(3, photo), key...).want(http.StatusOK).body
	if again := ada.do(http.MethodPost, path, kind, body(3, photo), key...).want(http.StatusOK).body; again != first {
		t.Errorf("answered again: %s, first %s", again, first)
	}
	ada.do(http.MethodPost, path, kind, body(2, photo), key...).want(http.StatusConflict, "IDEMPOTENCY_MISMATCH")
	if c := b.caseOf(o.ID); len(c.Evidence) != 1 {
		t.Errorf("%d photos", len(c.Evidence))
	}
}
