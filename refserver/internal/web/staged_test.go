package web_test

import (
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var stagedID = regexp.MustCompile(`name="staged" value="([A-Z2-7]+)" checked`)

// keptOn are the ids of the photos that a page says it keeps.
func keptOn(r reply) (ids []string) {
	for _, m := range stagedID.FindAllStringSubmatch(r.body, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// shelved counts the photos that forms keep.
func shelved(t *testing.T, b *bundle) (n int) {
	t.Helper()
	root := filepath.Join(b.Config.EvidenceDir(), ".staged")
	err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// request sends the form of a return with photos and the ids of those that are kept.
func request(p *person, orderID, line, units string, files [][]byte, kept ...string) reply {
	fields := []string{"sale_id", orderID, "reason", "DAMAGED", "details", "broken", "quantity_" + line, units}
	for _, id := range kept {
		fields = append(fields, "staged", id)
	}
	return p.photos("/returns/request", files, fields...)
}

// TestPhotosThatArrivedStayOverMistakes: also over a second one, with more photos, and after an
// estimate; the request has them all, and then none is kept.
func TestPhotosThatArrivedStayOverMistakes(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 3)
	line := o.Lines[0].ID
	first := request(ada, o.ID, line, "9", [][]byte{picture(t), picture(t)}).want(
		http.StatusBadRequest, "Photos you already sent", "photo.png",
	)
	kept := keptOn(first)
	if len(kept) != 2 || shelved(t, b) != 2 || strings.Contains(first.body, "could not keep") {
		t.Fatalf("%d photos are kept: %s", len(kept), first.body)
	}
	second := request(ada, o.ID, line, "0", [][]byte{picture(t)}, kept...).want(http.StatusBadRequest)
	if kept = keptOn(second); len(kept) != 3 {
		t.Fatalf("%d photos are kept after the second mistake", len(kept))
	}
	estimate := ada.photos("/returns/request", [][]byte{picture(t)}, "sale_id", o.ID, "reason", "DAMAGED", "step",
		"estimate", "quantity_"+line, "1", "staged", kept[0]).want(http.StatusOK, "Estimated refund")
	if again := keptOn(estimate); len(again) != 2 || again[0] != kept[0] {
		t.Errorf("the estimate keeps %q", again)
	}
	request(ada, o.ID, line, "2", nil, kept[1:]...).want(http.StatusFound)
	if c := b.caseOf(o.ID); len(c.Evidence) != 2 {
		t.Errorf("the return has %d photos, want the two that stayed ticked", len(c.Evidence))
	}
	if n := shelved(t, b); n != 2 { // kept[0], which was left out, and that of the estimate
		t.Errorf("%d photos are still kept", n)
	}
}

// TestARefusedPhotoIsNotKept: the form names it with the reason and keeps the others, so that it can
// be sent again as it is shown; also where it was kept over another mistake before, which no photo
// was looked at for.
func TestARefusedPhotoIsNotKept(t *testing.T) {
	t.Parallel()
	text := []byte("no image at all")
	for name, send := range map[string]func(p *person, orderID, line string) reply{
		"sent with the form": func(p *person, orderID, line string) reply {
			return request(p, orderID, line, "1", [][]byte{picture(t), text, picture(t)})
		},
		"kept before": func(p *person, orderID, line string) reply {
			kept := keptOn(request(p, orderID, line, "9", [][]byte{picture(t), text}).want(http.StatusBadRequest))
			if len(kept) != 2 {
				t.Fatalf("%d photos are kept", len(kept))
			}
			return request(p, orderID, line, "1", [][]byte{picture(t)}, kept...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBundle(t)
			ada := b.customer("ada")
			o := b.bought(ada, 3)
			refused := send(ada, o.ID, o.Lines[0].ID).want(
				http.StatusBadRequest,
				"Photo 2 of 3 (photo.png) can&#39;t be used. It is not a photo of a type we take",
			)
			kept := keptOn(refused)
			if len(kept) != 2 || shelved(t, b) != 2 {
				t.Fatalf("%d photos are selected and %d kept, want the two that can be used", len(kept), shelved(t, b))
			}
			request(ada, o.ID, o.Lines[0].ID, "1", nil, kept...).want(http.StatusFound)
			if c := b.caseOf(o.ID); len(c.Evidence) != 2 {
				t.Errorf("the return has %d photos", len(c.Evidence))
			}
		})
	}
}

// TestKeptPhotosAreTheirOwners: another account gets them by no form, and what is not kept any
// more is said.
func TestKeptPhotosAreTheirOwners(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada, bob := b.customer("ada"), b.customer("bob")
	theirs, his := b.bought(ada, 3), b.bought(bob, 3)
	kept := keptOn(request(ada, theirs.ID, theirs.Lines[0].ID, "9", [][]byte{picture(t)}).want(http.StatusBadRequest))
	if len(kept) != 1 {
		t.Fatalf("%d are kept", len(kept))
	}
	refused := request(bob, his.ID, his.Lines[0].ID, "1", nil, kept...).want(http.StatusBadRequest, "no longer have")
	if len(keptOn(refused)) != 0 {
		t.Error("bob is shown a photo of ada's")
	}
	request(bob, theirs.ID, theirs.Lines[0].ID, "1", [][]byte{picture(t)}, kept...).want(http.StatusBadRequest)
	if n := shelved(t, b); n != 1 {
		t.Errorf("%d are kept: for an order of another account none is", n)
	}
	request(ada, theirs.ID, theirs.Lines[0].ID, "1", nil, kept...).want(http.StatusFound)
	if c := b.caseOf(theirs.ID); len(c.Evidence) != 1 {
		t.Errorf("ada's return has %d photos", len(c.Evidence))
	}
	request(ada, theirs.ID, theirs.Lines[0].ID, "1", nil, kept...).want(http.StatusBadRequest, "no longer have")
}

// TestPhotosForWhichThereIsNoRoomAreAskedForAgain: an account's forms keep forty.
func TestPhotosForWhichThereIsNoRoomAreAskedForAgain(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.customer("ada")
	o := b.bought(ada, 3)
	many := slices.Repeat([][]byte{picture(t)}, 15)
	var last reply
	for range 3 {
		last = request(ada, o.ID, o.Lines[0].ID, "9", many).want(http.StatusBadRequest)
	}
	if n := shelved(t, b); n != 40 || len(keptOn(last)) != 10 || !strings.Contains(last.body, "could not keep") {
		t.Errorf("%d are kept, %d of the last form", n, len(keptOn(last)))
	}
}
