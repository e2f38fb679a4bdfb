package photo

import "encoding/binary"

// exifPrefix is before the EXIF data of a JPEG.
const exifPrefix = "Exif\x00\x00"

// orientation is the way (1 to 8) that EXIF data, with or without its prefix,
// says the picture is turned; 1, upright, where it says nothing that makes
// sense. The value is a SHORT by the standard; some writers have it as a LONG
// or a BYTE, and browsers read those too.
// Source: CIPA DC-008 (Exif 2.32), 4.5.4 and 4.6.2 to 4.6.4.
func orientation(b []byte) int {
	if len(b) >= len(exifPrefix) && string(b[:len(exifPrefix)]) == exifPrefix {
		b = b[len(exifPrefix):]
	}
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	start := int64(order.Uint32(b[4:]))
	if start+2 > int64(len(b)) {
		return 1
	}
	for i := range int64(order.Uint16(b[start:])) {
		at := start + 2 + 12*i
		if at+12 > int64(len(b)) {
			return 1
		}
		if order.Uint16(b[at:]) == 0x0112 {
			return turnOf(order, order.Uint16(b[at+2:]), b[at+8:])
		}
	}
	return 1
}

func turnOf(order binary.ByteOrder, kind uint16, b []byte) int {
	var v uint32
	switch kind {
	case 1: // BYTE
		v = uint32(b[0])
	case 3: // SHORT
		v = uint32(order.Uint16(b))
	case 4, 9: // LONG, signed or not
		v = order.Uint32(b)
	}
	if v < 1 || v > 8 {
		return 1
	}
	return int(v)
}
