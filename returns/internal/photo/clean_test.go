package photo

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	_ "image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "golang.org/x/image/webp"
)

// The fixtures of testdata are one picture of 61 x 45 pixels in many kinds,
// made by cjpeg (libjpeg-turbo), cwebp and ImageMagick: four fields, red,
// green, blue and yellow.
const fixtureW, fixtureH = 61, 45

var fields = []struct {
	x, y int
	c    color.RGBA
}{
	{12, 10, color.RGBA{200, 40, 40, 255}}, {48, 10, color.RGBA{40, 180, 60, 255}},
	{12, 36, color.RGBA{50, 60, 210, 255}}, {48, 36, color.RGBA{220, 210, 50, 255}},
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func cleaned(t testing.TB, data []byte, side int) (Cleaned, image.Image) {
	t.Helper()
	p, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	c, err := p.Clean(t.Context(), side)
	if err != nil {
		t.Fatalf("clean: %v", err)
	}
	m, kind, err := image.Decode(bytes.NewReader(c.Data))
	if err != nil || "image/"+kind != c.ContentType || m.Bounds().Dx() != c.Width || m.Bounds().Dy() != c.Height {
		t.Fatalf("%s of %d x %d holds %s: %v", c.ContentType, c.Width, c.Height, kind, err)
	}
	return c, m
}

func near(t *testing.T, what string, got color.Color, want color.RGBA, limit int) {
	t.Helper()
	c := color.NRGBAModel.Convert(got).(color.NRGBA)
	for _, d := range []int{int(c.R) - int(want.R), int(c.G) - int(want.G), int(c.B) - int(want.B),
		int(c.A) - int(want.A)} {
		if d > limit || d < -limit {
			t.Errorf("%s is %v, want %v", what, c, want)
			return
		}
	}
}

func TestEveryKindOfPictureKeepsItsColors(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		seen++
		t.Run(f.Name(), func(t *testing.T) {
			data := fixture(t, f.Name())
			for _, side := range []int{2048, 30} {
				c, m := cleaned(t, data, side)
				w, h := fixtureW, fixtureH
				if side == 30 {
					w, h = 30, 22
				}
				if c.Width != w || c.Height != h {
					t.Fatalf("it is %d x %d, want %d x %d", c.Width, c.Height, w, h)
				}
				for _, field := range fields {
					want := field.c
					if strings.HasPrefix(f.Name(), "gray") {
						y := color.GrayModel.Convert(want).(color.Gray).Y
						want = color.RGBA{y, y, y, 255}
					}
					limit := 10
					if strings.HasPrefix(f.Name(), "gray2") {
						continue // four levels of gray are too few to tell; see the comparison below
					}
					if strings.Contains(f.Name(), "rgba8") || strings.Contains(f.Name(), "alpha") {
						want.A = 153
					}
					if f.Name() == "lossy.webp" || f.Name() == "lossy-alpha.webp" {
						limit = 32 // its library takes the narrow range of video for the whole
					}
					near(t, "a field", m.At(field.x*w/fixtureW, field.y*h/fixtureH), want, limit)
				}
			}
		})
	}
	if seen < 40 {
		t.Errorf("only %d fixtures", seen)
	}
}

// Where the standard library reads a JPEG, ours reads the same samples.
func TestJPEGsAreDecodedAsTheStandardLibraryDoes(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.jpg")
	compared := 0
	for _, name := range files {
		data := fixture(t, filepath.Base(name))
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			continue
		}
		compared++
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, err := Read(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.src.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := p.cleanJPEG(t.Context(), 2048)
			if err != nil {
				t.Fatal(err)
			}
			worst := 0
			for y := range fixtureH {
				for x := range fixtureW {
					a, b := color.RGBAModel.Convert(got.At(x, y)).(color.RGBA), color.RGBAModel.Convert(want.At(x,
						y)).(color.RGBA)
					if yc, ok := got.(*image.YCbCr); ok {
						// Colors are interpolated here and repeated there; compare the luma.
						if w, ok := want.(*image.YCbCr); ok {
							a, b = color.RGBA{R: yc.Y[yc.YOffset(x, y)]}, color.RGBA{R: w.Y[w.YOffset(x, y)]}
						}
					}
					for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
						worst = max(worst, d, -d)
					}
				}
			}
			if worst > 1 {
				t.Errorf("samples differ by %d", worst)
			}
		})
	}
	if compared < 10 {
		t.Errorf("only %d were compared", compared)
	}
}

func TestAJPEGWithoutItsLastTwoBytesIsWhole(t *testing.T) {
	for _, name := range []string{"2x2_1x1_1x1.jpg", "2x2_1x1_1x1-progressive.jpg", "planes.jpg", "restart.jpg"} {
		data := fixture(t, name)
		_, whole := cleaned(t, data, 2048)
		for cut := 1; cut <= 2; cut++ {
			_, m := cleaned(t, data[:len(data)-cut], 2048)
			for _, f := range fields {
				near(t, name, m.At(f.x, f.y), color.RGBAModel.Convert(whole.At(f.x, f.y)).(color.RGBA), 0)
			}
		}
		p, err := Read(bytes.NewReader(data[:len(data)*3/4]))
		if err == nil {
			_, err = p.Clean(t.Context(), 2048)
		}
		if strings.Contains(name, "progressive") || name == "planes.jpg" {
			continue // it may end between two scans
		}
		if !errors.Is(err, ErrTruncated) {
			t.Errorf("%s without its last quarter: %v", name, err)
		}
	}
}

func TestAnyNumberOfFillBytesMayStandBeforeAMarker(t *testing.T) {
	data := fixture(t, "2x2_1x1_1x1.jpg")
	data = bytes.Replace(data, []byte("\xff\xdb"), []byte("\xff\xff\xff\xff\xdb"), 1)
	data = bytes.Replace(data, []byte("\xff\xda"), []byte("\xff\xff\xda"), 1)
	cleaned(t, data, 2048)
}

func TestScansAreCounted(t *testing.T) {
	data := fixture(t, "1x1_1x1_1x1-progressive.jpg")
	at := bytes.LastIndex(data, []byte("\xff\xda"))
	last := data[at : len(data)-2]
	bomb := append(bytes.Clone(data[:at]), bytes.Repeat(last, 3*maxScans)...)
	p, err := Read(bytes.NewReader(bomb))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Clean(t.Context(), 2048); !errors.Is(err, ErrDamaged) {
		t.Errorf("a picture of some %d scans: %v", 3*maxScans, err)
	}
}

func TestAPNGIsDecodedAsTheStandardLibraryDoes(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.png")
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data := fixture(t, filepath.Base(name))
			want, err := png.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Read(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.collect(2048, p.png.lanes(), func(emit func(int, [][]byte)) error {
				return p.png.decode(t.Context(), bytes.NewReader(data), emit)
			})
			if err != nil {
				t.Fatal(err)
			}
			for y := range fixtureH {
				for x := range fixtureW {
					near(t, name, got.At(x, y), color.RGBA(color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)), 2)
				}
			}
		})
	}
}
