package photo

import (
	"context"
	"image"
	"image/color"
	"image/gif"
	"io"
)

// gifMemory is how many bytes the first picture of a GIF takes at most: a byte
// a pixel, twice where its rows are interlaced.
func gifMemory(w, h int) int64 { return 2*int64(w)*int64(h) + 128<<10 }

func readGIF(r io.Reader) (w, h int, err error) {
	c, err := gif.DecodeConfig(r)
	if err != nil {
		return 0, 0, ErrDamaged
	}
	if c.Width < 1 || c.Height < 1 {
		return 0, 0, ErrDamaged
	}
	return c.Width, c.Height, nil
}

// decodeGIF gives each row of the first picture of a GIF to emit.
func decodeGIF(ctx context.Context, r io.Reader) (*image.Paletted, error) {
	m, err := gif.Decode(stopper{ctx, r})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, ErrDamaged
	}
	p, ok := m.(*image.Paletted)
	if !ok {
		return nil, ErrDamaged
	}
	return p, nil
}

func gifRows(ctx context.Context, m *image.Paletted, emit func(y int, row [][]byte)) error {
	var palette [256]color.NRGBA
	for i, c := range m.Palette[:min(256, len(m.Palette))] {
		palette[i] = color.NRGBAModel.Convert(c).(color.NRGBA)
	}
	w := m.Rect.Dx()
	row := slices2D(4, w)
	for y := range m.Rect.Dy() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for x, v := range m.Pix[y*m.Stride:][:w] {
			c := palette[v]
			store(row, x, c.R, c.G, c.B, c.A)
		}
		emit(y, row)
	}
	return nil
}
