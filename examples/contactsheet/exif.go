package main

import (
	"bytes"
	"encoding/binary"
)

// orientation says how a camera was held, with the numbers of EXIF: 1 is
// upright, 6 needs a quarter turn clockwise, and so on up to 8.
type orientation uint8

const upright orientation = 1

// swaps says whether width and height change places.
func (o orientation) swaps() bool { return o >= 5 && o <= 8 }

// place says where the pixel at x, y of a picture of w×h pixels is once the
// picture is turned upright.
func (o orientation) place(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}

// exifOrientation finds the orientation that a JPEG file states. Whatever is
// missing, broken or out of range means upright: a picture that lies on its
// side is better than none.
func exifOrientation(jpeg []byte) orientation {
	const (
		startOfScan = 0xda
		app1        = 0xe1
	)
	if !bytes.HasPrefix(jpeg, []byte{0xff, 0xd8}) {
		return upright
	}
	// The file is a row of segments: ff, kind, length of the rest as two
	// bytes that count themselves, content.
	for rest := jpeg[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		kind := rest[1]
		if kind == 0xff { // padding
			rest = rest[1:]
			continue
		}
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if kind == startOfScan || size < 2 || 2+size > len(rest) {
			break
		}
		if tiff, ok := bytes.CutPrefix(rest[4:2+size], []byte("Exif\x00\x00")); ok && kind == app1 {
			return tiffOrientation(tiff)
		}
		rest = rest[2+size:]
	}
	return upright
}

// tiffOrientation looks for the orientation in the first directory of EXIF
// data, which has the layout of a TIFF file.
func tiffOrientation(tiff []byte) orientation {
	const (
		tag       = 0x0112
		typeShort = 3
		entrySize = 12
	)
	var order binary.ByteOrder
	switch {
	case len(tiff) < 8:
		return upright
	case bytes.HasPrefix(tiff, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == typeShort {
			if v := order.Uint16(entries[8:]); v >= 1 && v <= 8 {
				return orientation(v)
			}
			break
		}
		entries = entries[entrySize:]
	}
	return upright
}
