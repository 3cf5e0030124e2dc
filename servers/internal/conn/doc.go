// Package conn is one client's connection: bytes → request → application → response → bytes.
// It never waits: Step does what can be done now and says what it waits for, so the same code
// serves every concurrency model. It owns the order of things on the wire (RFC 9112 §9.3) and
// the framing of responses (§6). It never starts a goroutine, polls, or chooses which
// connection is next: that is the model's.
package conn
