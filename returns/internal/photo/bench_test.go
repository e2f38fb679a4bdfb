package photo

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
)

// large is a photo of 12 megapixels with some texture.
func large(b *testing.B) []byte {
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = byte(i>>4 ^ i>>13)
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = byte(i>>6), byte(i>>8)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkClean(b *testing.B) {
	for name, data := range map[string][]byte{"jpeg 12 megapixels": large(b),
		"progressive 12 megapixels": progressive(4000, 3000, 2)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := Read(bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.Clean(b.Context(), 2048); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStandard decodes the same with the standard library, for comparison:
// it neither scales nor encodes.
func BenchmarkStandard(b *testing.B) {
	data := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
