// The bridge between a server and the Python application, seen from Go.
// Python.h is seen by the .c files alone; Go holds opaque pointers to C memory
// and C holds integers, never a Go pointer beyond a call.
#ifndef WSGI_BRIDGE_H
#define WSGI_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

// exchange is one request with its response, from begin to close.
typedef struct exchange exchange;

// What a step found.
enum {
	STEP_CHUNK = 0,  // a non-empty chunk; more may follow
	STEP_WHOLE = 1,  // the only chunk of a response that is over (PEP 3333: len(iterable) == 1)
	STEP_END = 2,    // the response is over, close() has run
	STEP_FAILED = 3, // the application raised, it is logged, close() has run
};

// What the application's own headers held.
enum {
	HAS_DATE = 1,
	HAS_SERVER = 2,
};

// step is what one call into the application brought.
typedef struct {
	exchange *x;       // for the next call; NULL when the exchange is over
	int32_t kind;      // STEP_…
	int32_t status;    // 200
	uint32_t flags;    // HAS_…
	uint32_t sent;     // the head went out with an earlier step
	int64_t length;    // the application's Content-Length; -1: none
	const char *head;  // "200 OK\r\nName: value\r\n…" without Content-Length
	size_t head_len;
	const char *chunk; // valid until the next call for x; STEP_WHOLE: until the next begin on this thread
	size_t chunk_len;
} step;

// Each of these is called with the GIL held, on a thread that Python knows.

// bridge_setup keeps what the bootstrap made: a dict. 0, or -1 with the error printed.
int bridge_setup(void *helpers);

// bridge_begin calls the application and steps its response once. The body is body_len
// bytes at body or, where body_fd is not negative, a file that C then owns.
void bridge_begin(const char *pairs, const char *body, size_t body_len, int body_fd, uint32_t slot, step *out);

// bridge_next steps the response once more.
void bridge_next(exchange *x, step *out);

// bridge_abandon ends an exchange whose client is gone: close() runs, x is freed.
void bridge_abandon(exchange *x);

// bridge_thread starts one more Python thread, which calls wsgi_thread(index).
int bridge_thread(int index);

// The GIL: release before a wait, acquire after it, on the same thread.
void bridge_release(void);
void bridge_acquire(void);

#endif
