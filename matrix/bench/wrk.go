package bench

import (
	"fmt"
	"regexp"
	"strconv"
)

var (
	rate   = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	non2xx = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// parseWrk reads wrk's report. Its socket errors are not counted: it calls a server that closes
// each connection after its response, as HTTP allows, an error.
func parseWrk(out []byte) (perSecond float64, failed int, err error) {
	found := rate.FindSubmatch(out)
	if found == nil {
		return 0, 0, fmt.Errorf("wrk gave no Requests/sec:\n%s", out)
	}
	perSecond, err = strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w", err)
	}
	if bad := non2xx.FindSubmatch(out); bad != nil {
		failed, err = strconv.Atoi(string(bad[1]))
	}
	return perSecond, failed, err
}
