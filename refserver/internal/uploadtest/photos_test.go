//go:build linux

package uploadtest

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"io"
	"mime/multipart"
	"testing"
)

// progressive is a progressive JPEG of one color: a scan in which each block is
// two bits. Sampling is 4:4:4 for 1, 4:2:0 for 2.
func progressive(w, h, sampling int) []byte {
	out := append([]byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}, bytes.Repeat([]byte{1}, 64)...)
	out = append(out, 0xff, 0xc2, 0, 17, 8)
	out = binary.BigEndian.AppendUint16(out, uint16(h))
	out = binary.BigEndian.AppendUint16(out, uint16(w))
	out = append(out, 3, 1, byte(sampling*17), 0, 2, 0x11, 0, 3, 0x11, 0)
	out = append(out, 0xff, 0xc4, 0, 20, 0, 0, 1)
	out = append(out, make([]byte, 15)...) // one code, of two bits: no difference
	out = append(out, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)
	units := ((w + 8*sampling - 1) / (8 * sampling)) * ((h + 8*sampling - 1) / (8 * sampling))
	out = append(out, make([]byte, (units*(sampling*sampling+2)*2+7)/8)...)
	return append(out, 0xff, 0xd9)
}

// zeroPNG is a PNG of zeros.
func zeroPNG(t *testing.T, w, h uint32, depth, kind, interlace byte) []byte {
	t.Helper()
	chunk := func(name string, data []byte) []byte {
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), name...)
		out = append(out, data...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
	}
	samples := map[byte]int64{0: 1, 2: 3, 4: 2, 6: 4}[kind]
	size := (int64(w)*samples*int64(depth)+7)/8*int64(h) + 4*int64(h) // with filters, those of passes too
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	if _, err := io.CopyN(z, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	header = append(header, depth, kind, 0, 0, interlace)
	return bytes.Join(
		[][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", header), chunk("IDAT", data.Bytes()), chunk("IEND", nil)},
		nil,
	)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func zeroGIF(t *testing.T, w, h int) []byte {
	t.Helper()
	var out bytes.Buffer
	m := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black, color.White})
	if err := gif.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// honest is a photo as a phone makes it, but for what is on it.
func honest(t *testing.T) []byte {
	t.Helper()
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = byte(i*i>>9 ^ i>>4)
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = byte(i>>6), byte(i>>8)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// body is what a request sends. It can be sent any number of times, and the
// photos in it are kept once, however many send them.
type body struct {
	kind   string
	pieces [][]byte
	size   int64 // -1: it does not say
}

func (b body) reader() io.Reader {
	pieces := make([]io.Reader, len(b.pieces))
	for i, p := range b.pieces {
		pieces[i] = bytes.NewReader(p)
	}
	return io.MultiReader(pieces...)
}

// form is a request for the return of a unit, with photos, as a form.
func (c customer) form(photos ...[]byte) body {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	for _, f := range [][2]string{{"sale_id", c.order}, {"reason", "DAMAGED"}, {"quantity_" + c.line, "1"}} {
		_ = w.WriteField(f[0], f[1])
	}
	out := body{kind: w.FormDataContentType()}
	for _, p := range photos {
		_, _ = w.CreateFormFile("photos", "photo")
		out.add(bytes.Clone(head.Bytes()))
		out.add(p)
		head.Reset()
	}
	_ = w.Close()
	out.add(bytes.Clone(head.Bytes()))
	return out
}

func (b *body) add(piece []byte) {
	b.pieces = append(b.pieces, piece)
	b.size += int64(len(piece))
}

// json is the same as JSON, of a photo in base64, without saying how long it is.
func (c customer) json(photo []byte) body {
	head := `{"sale_id":"` + c.order + `","reason":"DAMAGED","items":[{"sale_item_id":"` + c.line +
		`","quantity":1}],"photos":["`
	return body{"application/json", [][]byte{[]byte(head), photo, []byte(`"]}`)}, -1}
}

// inBase64 is a photo as JSON has it.
func inBase64(photo []byte) []byte { return base64.StdEncoding.AppendEncode(nil, photo) }
