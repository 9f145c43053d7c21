package main

import "image/color"

// The pictures behind the samples. They are computed with integers only: with
// floating point the last bit, and so the sheet, would depend on the machine.

// sin is the sine of a, where 1024 is a full turn, as -1024..1024. It is a
// parabola's approximation, good to two parts in a thousand.
func sin(a int) int {
	a &= 1023
	sign := 1
	if a >= 512 {
		a, sign = a-512, -1
	}
	p := a * (512 - a)
	return sign * 16 * p * 1024 / (5*512*512 - 4*p)
}

func cos(a int) int { return sin(a + 256) }

// isqrt is the integer part of the square root of n.
func isqrt(n int) int {
	r := 0
	for bit := 1 << 30; bit > 0; bit >>= 2 {
		if n >= r+bit {
			n -= r + bit
			r = r>>1 + bit
		} else {
			r >>= 1
		}
	}
	return r
}

// noise is a number below n that looks random and belongs to i.
func noise(i, n int) int {
	v := uint32(i)*2654435761 + 0x9e3779b9
	v ^= v >> 15
	v *= 0x85ebca6b
	v ^= v >> 13
	v *= 0xc2b2ae35
	v ^= v >> 16
	return int(v % uint32(n))
}

// hue is a colour of the wheel; 1024 is a full turn.
func hue(a int) color.NRGBA {
	part := func(shift int) uint8 { return uint8(132 + 122*cos(a+shift)/1024) }
	return color.NRGBA{part(0), part(683), part(341), 0xff}
}

// blend goes from a to b while part goes from 0 to of.
func blend(a, b color.NRGBA, part, of int) color.NRGBA {
	part = min(max(part, 0), of)
	m := func(x, y uint8) uint8 { return uint8((int(x)*(of-part) + int(y)*part) / of) }
	return color.NRGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), m(a.A, b.A)}
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}

// ramp is a gradient through several colours.
func ramp(stops []color.NRGBA, part, of int) color.NRGBA {
	part = min(max(part, 0), of-1) * (len(stops) - 1)
	i := part / of
	return blend(stops[i], stops[i+1], part%of, of)
}

func bricks(x, y, _, _ int) color.NRGBA {
	row := y / 40
	x += row % 2 * 48
	if y%40 < 5 || x%96 < 5 {
		return blend(rgb(0xc9c2b4), rgb(0xaaa392), noise(y*4001+x, 32), 64)
	}
	tone := blend(rgb(0xb4532f), rgb(0x8a3324), noise(row*97+x/96, 100), 100)
	light := blend(tone, rgb(0xf0a070), 40-(y%40), 90)
	return blend(light, rgb(0x401810), noise(y*3203+x, 16), 64)
}

func bubbles(x, y, w, h int) color.NRGBA {
	out := color.NRGBA{}
	for i := range 14 {
		r := w/14 + noise(i*3, w/7)
		dx, dy := x-noise(i*3+1, w), y-noise(i*3+2, h)
		d := dx*dx + dy*dy
		if d > r*r {
			continue
		}
		c := hue(i * 157)
		c.A = uint8(70 + 170*d/(r*r)) // glass: more colour towards the edge
		lx, ly := dx+r/3, dy+r/3
		shine := 255 - min(255, 255*12*(lx*lx+ly*ly)/(r*r))
		c = blend(c, rgb(0xffffff), shine, 300)
		if out.A == 0 {
			out = c
		} else {
			a := max(out.A, c.A)
			out = blend(out, c, int(c.A), 400)
			out.A = a
		}
	}
	return out
}

func dunes(x, y, w, h int) color.NRGBA {
	c := ramp([]color.NRGBA{rgb(0x2b6ca8), rgb(0x8cc3e6), rgb(0xfbe3c0)}, y, h*6/10)
	sx, sy := x-w*3/4, y-h/5
	c = blend(c, rgb(0xfff6d8), h*h/120-sx*sx-sy*sy, h*h/900+1)
	for i := range 5 {
		top := h*(42+11*i)/100 + h*sin(x*(9-i)*1024/(w*7)+i*370)/1024/(12+2*i)
		if y >= top {
			near := blend(rgb(0xf0c27a), rgb(0x9c4f22), i, 5)
			ripple := 12 + 10*sin((y-top)*70+x*3)/1024
			c = blend(near, rgb(0x5a2a14), (y-top)*2+ripple, h*9/10)
		}
	}
	return c
}

// escape counts the steps of z = z²+c, in fixed point with 20 bits after the
// point, until |z| is over 16; smooth is the count in 256ths, or -1.
func escape(zx, zy, cx, cy, limit int) (smooth int) {
	const one = 1 << 20
	for n := range limit {
		xx, yy := zx*zx/one, zy*zy/one
		if xx+yy > 256*one {
			// |z|² is between 2⁸ and 2¹⁶ or so: its logarithm says how far
			// over the edge this step went.
			over, bits := (xx+yy)/one, 0
			for ; over >= 512; over >>= 1 {
				bits++
			}
			return max(0, n*256-bits*32-(over-256)/8)
		}
		zx, zy = xx-yy+cx, 2*zx*zy/one+cy
	}
	return -1
}

func mandelbrot(x, y, w, h int) color.NRGBA {
	const one = 1 << 20
	cx := -one*74/100 + (2*x-w)*one*13/10/h
	cy := (2*y - h) * one * 13 / 10 / h
	n := escape(0, 0, cx, cy, 120)
	if n < 0 {
		return rgb(0x0b0a1a)
	}
	return ramp([]color.NRGBA{rgb(0x0b1038), rgb(0x1c4fa0), rgb(0x58b7e8), rgb(0xfdf6d0), rgb(0xf2a93b), rgb(0x8a2d1c), rgb(0x2a0d2e)},
		isqrt(n*64), 1450)
}

func julia(x, y, w, h int) color.NRGBA {
	const one = 1 << 20
	n := escape((2*x-w)*one*12/10/h, (2*y-h)*one*12/10/h, -one*8/10, one*156/1000, 180)
	if n < 0 {
		return rgb(0x06070d)
	}
	return ramp([]color.NRGBA{rgb(0x08051c), rgb(0x471069), rgb(0xc0306b), rgb(0xf98e2b), rgb(0xfcf3b0), rgb(0xffffff)},
		isqrt(n*64), 1300)
}

func moire(x, y, w, h int) color.NRGBA {
	d := func(cx, cy int) int { return isqrt(64 * ((x-cx)*(x-cx) + (y-cy)*(y-cy))) }
	v := sin(d(w*3/8, h*2/5)*5) + sin(d(w*5/8, h*3/5)*5)
	return blend(rgb(0x102a43), rgb(0x7fe7c4), v+2048, 4096)
}

func mosaic(x, y, w, h int) color.NRGBA {
	const sites = 60
	best, second, which := 1<<30, 1<<30, 0
	for i := range sites {
		dx, dy := x-noise(i*2+900, w), y-noise(i*2+901, h)
		if d := dx*dx + dy*dy; d < best {
			best, second, which = d, best, i
		} else if d < second {
			second = d
		}
	}
	edge := isqrt(second) - isqrt(best)
	if edge < 4 {
		return rgb(0x1a1c22)
	}
	return blend(hue(noise(which, 1024)), rgb(0xffffff), 60-edge, 140)
}

func night(x, y, w, h int) color.NRGBA {
	c := ramp([]color.NRGBA{rgb(0x050818), rgb(0x0d1b45), rgb(0x2b3f78)}, y, h)
	band := h*4/10 + h*sin(x*700/w+100)/1024/6 + h*sin(x*1900/w)/1024/14
	glow := max(0, h/4-max(y-band, 3*(band-y)))
	c = blend(c, blend(rgb(0x35e08a), rgb(0x9a4dd8), band-y+h/12, h/6), glow*(1400+sin(x*40/(1+w/300))/2), h*550)
	// One star a square of 24 pixels, at most.
	i := y/24*977 + x/24
	dx, dy := x%24-3-noise(i, 18), y%24-3-noise(i+5000, 18)
	if d := dx*dx + dy*dy; noise(i+9000, 3) == 0 && d < 6 {
		c = blend(c, rgb(0xffffff), (6-d)*(40+noise(i+7000, 60)), 600)
	}
	for k := range 2 { // mountains
		top := h*(82+8*k)/100 + h*sin(x*(2100+900*k)/w+k*300)/1024/18 + h*sin(x*(5300-700*k)/w)/1024/50
		if y > top {
			c = blend(rgb(0x101a33), rgb(0x04070f), k, 1)
		}
	}
	return c
}

func plasma(x, y, w, h int) color.NRGBA {
	x, y = x*1024/w, y*1024/h
	v := sin(x*2) + sin(y*3+256) + sin(x+y*2) + sin(isqrt((x-500)*(x-500)+(y-300)*(y-300))*3)
	return hue(v/4 + 512)
}

func rings(x, y, w, h int) color.NRGBA {
	dx, dy := 2*x-w, 2*y-h
	d := isqrt(dx*dx + dy*dy)
	if d > w*95/100 {
		return rgb(0xf4efe6)
	}
	ring := d * 9 / w
	return blend(hue(ring*114+dx*40/w), rgb(0xffffff), 36-d%(w/9+1), 90)
}

func rainbow(x, y, w, h int) color.NRGBA {
	c := ramp([]color.NRGBA{rgb(0x7fa9cf), rgb(0xcfe3f2)}, y, h)
	dx, dy := x-w/2, y-h*11/10
	if d := isqrt(dx*dx + dy*dy); d > h*65/100 && d < h {
		at := (d - h*65/100) * 1024 / (h * 35 / 100) // 0 inside: violet; 1024 outside: red
		c = blend(c, hue(770-at*790/1024), min(at*6, (1024-at)*6, 720), 1024)
	}
	if top := h*84/100 + h*sin(x*1500/w)/1024/14; y > top {
		c = blend(rgb(0x5fa04a), rgb(0x2a5a33), y-top, h/5)
	}
	return c
}

func sunset(x, y, w, h int) color.NRGBA {
	horizon := h * 62 / 100
	sky := []color.NRGBA{rgb(0x1d1547), rgb(0x6b2a6f), rgb(0xd9485f), rgb(0xf99b4a), rgb(0xfde08a)}
	r := min(w, h) / 7
	dx, dy := x-w/2, y-horizon+r/3
	if y < horizon {
		d := dx*dx + dy*dy
		c := ramp(sky, y, horizon)
		c = blend(c, rgb(0xffe9a8), 300-300*d/(9*r*r), 500)
		return blend(c, rgb(0xfff4cf), r*r-d, r*r/20+1)
	}
	// The water shows the sky upside down, in waves that grow nearer.
	depth := y - horizon
	wave := sin(depth*depth/3+x*9+y*40) * depth / (h * 6)
	up := min(max(horizon-depth*14/10+wave/6, 0), horizon)
	c := blend(ramp(sky, up, horizon), rgb(0x120b33), depth+h/8, h*7/10)
	lane := r - max(dx, -dx)*2 - wave/3 + depth/3
	return blend(c, rgb(0xffd98a), lane*(700+wave), r*1800)
}

func waves(x, y, w, h int) color.NRGBA {
	c := ramp([]color.NRGBA{rgb(0xfdf3dc), rgb(0xf7c9a0)}, y, h/3)
	for i := range 9 {
		top := h*(14+10*i)/100 + h*sin(x*(1500+i*170)/w+i*i*190)/1024/24
		if y < top {
			break
		}
		body := ramp([]color.NRGBA{rgb(0x9bd8d2), rgb(0x3f9fb5), rgb(0x1d5c93), rgb(0x142a5c)}, i, 9)
		c = blend(rgb(0xf4fbff), body, y-top-3, 3)
		c = blend(c, rgb(0x0b1a3c), y-top, h/3)
	}
	return c
}
