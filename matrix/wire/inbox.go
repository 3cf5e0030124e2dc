package wire

import (
	"errors"
	"io"
	"net"
	"sort"
	"sync"
	"time"
)

// window is how much is read ahead of a reader that has not asked yet. What is beyond it
// is left in the kernel, so that "left unread" means something.
const window = 64 << 10

// inbox is what has arrived and was not taken yet.
type inbox struct {
	limit int           // no more than this is held at once
	done  chan struct{} // closed when nothing reads ahead any more

	mu       sync.Mutex
	room     *sync.Cond    // where the reading goroutine waits while the window is full
	changed  chan struct{} // closed and replaced at every change
	data     []byte
	arrivals []arrival
	err      error // what ended the reading
	endAt    time.Time
	wanted   int // readers and senders at work: the window does not count
	closed   bool
}

// arrival says that the bytes before end, and not before the arrival before, came at a time.
type arrival struct {
	end int
	at  time.Time
}

func newInbox(limit int) *inbox {
	b := &inbox{limit: limit, done: make(chan struct{}), changed: make(chan struct{})}
	b.room = sync.NewCond(&b.mu)
	return b
}

// fill reads until the connection ends.
func (b *inbox) fill(conn net.Conn) {
	defer close(b.done)
	buffer := make([]byte, chunk)
	for b.waitForRoom() {
		n, err := conn.Read(buffer)
		b.put(buffer[:n], err)
		if err != nil {
			return
		}
	}
}

// waitForRoom blocks while the window is full; false: the connection was shut.
func (b *inbox) waitForRoom() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed && len(b.data) >= b.size() {
		b.room.Wait()
	}
	return !b.closed
}

// size is how much may be held now.
func (b *inbox) size() int {
	if b.wanted > 0 {
		return b.limit
	}
	return min(window, b.limit)
}

// put adds what was read.
func (b *inbox) put(data []byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if len(data) > 0 {
		b.data = append(b.data, data...)
		b.arrivals = append(b.arrivals, arrival{len(b.data), now})
	}
	if err != nil {
		b.err, b.endAt = err, now
	}
	b.notify()
}

// take drops the first n bytes. What was seen of them stays valid: nothing is ever overwritten.
func (b *inbox) take(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = b.data[n:]
	first := sort.Search(len(b.arrivals), func(i int) bool { return b.arrivals[i].end > n })
	rest := make([]arrival, 0, len(b.arrivals)-first)
	for _, a := range b.arrivals[first:] {
		rest = append(rest, arrival{a.end - n, a.at})
	}
	b.arrivals = rest
	b.room.Broadcast()
}

// open lets more than the window be read ahead, or no longer.
func (b *inbox) open(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if on {
		b.wanted++
	} else {
		b.wanted--
	}
	b.room.Broadcast()
}

// shut ends the reading ahead.
func (b *inbox) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.room.Broadcast()
}

func (b *inbox) notify() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// look returns everything that is there, a channel that tells of the next change, and what ended the reading, if anything did.
func (b *inbox) look() (data []byte, changed <-chan struct{}, ended error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data[:len(b.data):len(b.data)], b.changed, b.err
}

// at tells when the byte at an offset arrived; an offset past the last byte: when the connection ended.
func (b *inbox) at(offset int) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := sort.Search(len(b.arrivals), func(i int) bool { return b.arrivals[i].end > offset })
	if i < len(b.arrivals) {
		return b.arrivals[i].at
	}
	return b.endAt
}

// pieces calls f for each arrival that holds bytes from start to end, with how many of them it brought.
func (b *inbox) pieces(start, end int, f func(n int, at time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := sort.Search(len(b.arrivals), func(i int) bool { return b.arrivals[i].end > start })
	for ; start < end && i < len(b.arrivals); i++ {
		stop := min(end, b.arrivals[i].end)
		f(stop-start, b.arrivals[i].at)
		start = stop
	}
}

// ended says how the connection ended.
func ended(err error) End {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return EOF
	}
	return Reset
}
