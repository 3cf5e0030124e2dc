package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"

	"wsgimatrix/matrix/results"
)

// The badge's colours, the ground behind white text.
const (
	badgeGreen = "#2a7f4f"
	badgeRed   = "#c62f2b"
	badgeGrey  = "#6b7280"
)

// WriteBadge writes the badge: cells as expected of all cells. It is green when all of them are
// and nothing else is wrong, grey when the run is not whole, else red.
func WriteBadge(w io.Writer, run *results.Run) error {
	t := count(run)
	value := fmt.Sprintf("%d/%d", t.expected, t.cells)
	colour := badgeRed
	switch {
	case run.Partial != "":
		value, colour = value+" partial", badgeGrey
	case t.cells == 0:
		value, colour = "nothing run", badgeGrey
	case t.whole(run):
		colour = badgeGreen
	case t.expected == t.cells:
		value += " !" // every cell is good, and the run is not: a problem with what is expected
	}
	return writeAll(w, "badge", badge("matrix", value, "matrix: "+t.verdict(run), colour))
}

// badge draws a name and a value side by side, 20 pixels high.
func badge(name, value, title, colour string) string {
	const pad = 6
	nameWidth, valueWidth := textWidth(name), textWidth(value)
	left, right := nameWidth+2*pad, valueWidth+2*pad // no id in it: several badges may stand inside one page
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[2]s">
<title>%[2]s</title>
<rect width="%[1]d" height="20" rx="3" fill="%[4]s"/><path d="M%[3]d 0H3a3 3 0 0 0-3 3v14a3 3 0 0 0 3 3H%[3]dz" fill="#444b54"/>
<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">
<text x="%[5]d" y="14" textLength="%[6]d">%[7]s</text>
<text x="%[8]d" y="14" textLength="%[9]d">%[10]s</text>
</g>
</svg>
`, left+right, escapeXML(title), left, colour, pad, nameWidth, escapeXML(name), left+pad, valueWidth, escapeXML(value))
}

// verdana holds the widths of Verdana's letters, in thousandths of the font size. The badge
// must be as wide as its text where Verdana is not installed too: textLength sees to that.
var verdana = map[rune]float64{
	' ': 352, '!': 394, '/': 454, ':': 454,
	'a': 601, 'b': 623, 'c': 521, 'd': 623, 'e': 596, 'f': 352, 'g': 623, 'h': 633, 'i': 274, 'j': 344, 'k': 592, 'l': 274, 'm': 973,
	'n': 633, 'o': 607, 'p': 623, 'q': 623, 'r': 427, 's': 521, 't': 394, 'u': 633, 'v': 592, 'w': 818, 'x': 592, 'y': 592, 'z': 525,
}

// textWidth is the width of a text of 11 pixels, in whole pixels.
func textWidth(text string) int {
	const digit = 636 // and a good guess at what is not in the table
	sum := 0.0
	for _, r := range text {
		width, ok := verdana[r]
		if !ok {
			width = digit
		}
		sum += width
	}
	return int(math.Ceil(sum * 11 / 1000))
}

// escapeXML escapes text for XML, with what XML 1.0 cannot hold made visible.
func escapeXML(text string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(visible(text))); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.String()
}
