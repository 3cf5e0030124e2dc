package results

// Verdict is whose fault a failure is.
type Verdict string

// The verdicts.
const (
	Flaky        Verdict = "flaky"   // it does not fail each time
	BlameServer  Verdict = "server"  // other servers pass it
	BlameApp     Verdict = "app"     // other servers fail it too
	BlamePair    Verdict = "pair"    // the server passes it with another app, the app with another server
	BlameProxy   Verdict = "proxy"   // the server passes it without what stands in front of it
	BlameUnknown Verdict = "unknown" // nothing could be held against it
)

// Blame is what repeating a failed case elsewhere has shown.
type Blame struct {
	Verdict Verdict `json:"verdict"`
	Says    string  `json:"says"` // why, in words
}
