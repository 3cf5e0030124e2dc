package golden

import (
	"fmt"

	"wsgimatrix/matrix/wire"
)

// rules are what every response owes its client, whatever the golden says.
func rules(r *wire.Response, req Request) []string {
	broken := append([]string(nil), r.Faults...)
	if !r.Head() {
		return broken
	}
	if r.Version != "HTTP/1.0" && r.Version != "HTTP/1.1" {
		broken = append(broken, fmt.Sprintf("the version is %s, neither HTTP/1.0 nor HTTP/1.1 (C67)", r.Version))
	}
	broken = append(broken, framingRules(r, req)...)
	return append(broken, fieldRules(r)...)
}

func framingRules(r *wire.Response, req Request) []string {
	var broken []string
	coded, counted := len(r.Values("Transfer-Encoding")) > 0, len(r.Values("Content-Length")) > 0
	if coded && req.Minor == 0 {
		broken = append(broken, "Transfer-Encoding to an HTTP/1.0 client (C88, RFC 9112 §6.1)")
	}
	if r.Code < 200 && req.Minor == 0 {
		broken = append(broken, "a 1xx response to an HTTP/1.0 client (C88, RFC 9110 §15.2)")
	}
	if (r.Code < 200 || r.Code == 204) && (coded || counted) {
		broken = append(broken, fmt.Sprintf("%d carries Content-Length or Transfer-Encoding (C87, RFC 9110 §8.6)", r.Code))
	}
	return broken
}

func fieldRules(r *wire.Response) []string {
	var broken []string
	dates := r.Values("Date")
	if len(dates) > 1 {
		broken = append(broken, fmt.Sprintf("Date stands %d times (C49)", len(dates)))
	}
	// RFC 9110 §6.6.1 asks for it in 2xx, 3xx and 4xx. A 4xx without one is no reason to call a right
	// refusal wrong: the probe has a case of its own for that (C62).
	if len(dates) == 0 && r.Code >= 200 && r.Code < 400 {
		broken = append(broken, "Date is missing (C62, RFC 9110 §6.6.1)")
	}
	for _, date := range dates {
		if !validDate(date) {
			broken = append(broken, fmt.Sprintf("Date is no IMF-fixdate: %q (C62, RFC 9110 §5.6.7)", date))
		}
	}
	if n := len(r.Values("Server")); n > 1 {
		broken = append(broken, fmt.Sprintf("Server stands %d times (C49)", n))
	}
	return broken
}

// Stray says in words that bytes came that no request asked for.
func Stray(data []byte) string {
	return fmt.Sprintf("%d bytes came that no request asked for: %s", len(data), excerpt(data))
}
