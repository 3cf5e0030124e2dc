// start_response and write (PEP 3333): what the application says is checked and
// written out at once, so a list that it changes later changes nothing.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "_cgo_export.h"
#include "internal.h"

typedef struct {
	PyObject_HEAD
	exchange *x; // NULL when the exchange is over
} StartResponse;

static PyTypeObject *start_response_type;

static int grow(exchange *x, size_t more) {
	size_t need = x->head_len + more;
	if (need <= x->head_cap)
		return 0;
	size_t cap = x->head_cap ? x->head_cap : 512;
	while (cap < need)
		cap *= 2;
	char *head = realloc(x->head, cap);
	if (head == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	x->head = head;
	x->head_cap = cap;
	return 0;
}

static void put(exchange *x, const char *p, size_t n) {
	memcpy(x->head + x->head_len, p, n);
	x->head_len += n;
}

// text gives the latin-1 bytes of a str as PEP 3333 wants them; *owner is to be released.
// ASCII, the common case, is read in place.
static const char *text(PyObject *s, const char *what, Py_ssize_t *n, PyObject **owner) {
	if (!PyUnicode_Check(s)) {
		PyErr_Format(PyExc_TypeError, "%s must be a str, not %R", what, (PyObject *)Py_TYPE(s));
		return NULL;
	}
	const char *p = PyUnicode_AsUTF8AndSize(s, n);
	if (p != NULL && *n == PyUnicode_GetLength(s)) {
		*owner = NULL;
		return p;
	}
	PyErr_Clear();
	char *raw;
	*owner = PyUnicode_AsLatin1String(s);
	if (*owner == NULL || PyBytes_AsStringAndSize(*owner, &raw, n) < 0) {
		Py_CLEAR(*owner);
		PyErr_Format(PyExc_ValueError, "%s must be latin-1: %R", what, s);
		return NULL;
	}
	return raw;
}

static int controls(const char *p, Py_ssize_t n) {
	for (Py_ssize_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			return 1;
	return 0;
}

static int put_status(exchange *x, PyObject *status) {
	Py_ssize_t n;
	PyObject *owner;
	const char *p = text(status, "the status", &n, &owner);
	if (p == NULL)
		return -1;
	int ok = n >= 4 && p[0] >= '2' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' && p[2] >= '0' && p[2] <= '9' && p[3] == ' ' && !controls(p, n);
	if (!ok)
		PyErr_Format(PyExc_ValueError, "the status must be 'NNN Reason', 200 or above: %R", status);
	else if (grow(x, (size_t)n + 2) < 0)
		ok = 0;
	else {
		x->status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
		put(x, p, (size_t)n);
		put(x, "\r\n", 2);
	}
	Py_XDECREF(owner);
	return ok ? 0 : -1;
}

static const char token[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1,
	['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static int is_token(const char *p, Py_ssize_t n) {
	for (Py_ssize_t i = 0; i < n; i++)
		if (!token[(unsigned char)p[i]])
			return 0;
	return n > 0;
}

static int is(const char *p, Py_ssize_t n, const char *name) {
	return (size_t)n == strlen(name) && strncasecmp(p, name, (size_t)n) == 0;
}

// hop_by_hop: PEP 3333 "Other HTTP Features" forbids these to an application.
static int hop_by_hop(const char *p, Py_ssize_t n) {
	static const char *const names[] = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "trailers", "transfer-encoding", "upgrade"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is(p, n, names[i]))
			return 1;
	return 0;
}

static int put_length(exchange *x, const char *p, Py_ssize_t n, PyObject *value) {
	int64_t length = 0;
	int ok = n > 0 && n <= 18;
	for (Py_ssize_t i = 0; ok && i < n; i++) {
		ok = p[i] >= '0' && p[i] <= '9';
		length = length * 10 + (p[i] - '0');
	}
	if (!ok || (x->length >= 0 && x->length != length)) {
		PyErr_Format(PyExc_ValueError, "bad Content-Length: %R", value);
		return -1;
	}
	x->length = length;
	return 0;
}

static int put_checked(exchange *x, const char *name, Py_ssize_t nn, const char *value, Py_ssize_t vn, PyObject *pair) {
	if (!is_token(name, nn) || controls(value, vn)) {
		PyErr_Format(PyExc_ValueError, "not a legal header: %R", pair);
		return -1;
	}
	if (hop_by_hop(name, nn)) {
		PyErr_Format(PyExc_ValueError, "a hop-by-hop header is the server's own: %R", pair);
		return -1;
	}
	if (nn == 14 && is(name, nn, "content-length"))
		return put_length(x, value, vn, pair);
	if (nn == 4 && is(name, nn, "date"))
		x->flags |= HAS_DATE;
	if (nn == 6 && is(name, nn, "server"))
		x->flags |= HAS_SERVER;
	if (grow(x, (size_t)(nn + vn) + 4) < 0)
		return -1;
	put(x, name, (size_t)nn);
	put(x, ": ", 2);
	put(x, value, (size_t)vn);
	put(x, "\r\n", 2);
	return 0;
}

static int put_header(exchange *x, PyObject *pair) {
	if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
		PyErr_Format(PyExc_TypeError, "a header must be a tuple of name and value: %R", pair);
		return -1;
	}
	Py_ssize_t nn, vn;
	PyObject *name_owner = NULL, *value_owner = NULL;
	const char *value = NULL, *name = text(PyTuple_GetItem(pair, 0), "a header's name", &nn, &name_owner);
	if (name != NULL)
		value = text(PyTuple_GetItem(pair, 1), "a header's value", &vn, &value_owner);
	int bad = value == NULL ? -1 : put_checked(x, name, nn, value, vn, pair);
	Py_XDECREF(name_owner);
	Py_XDECREF(value_owner);
	return bad;
}

static int put_headers(exchange *x, PyObject *headers) {
	if (!PyList_Check(headers)) {
		PyErr_Format(PyExc_TypeError, "the headers must be a list, not %R", (PyObject *)Py_TYPE(headers));
		return -1;
	}
	for (Py_ssize_t i = 0; i < PyList_Size(headers); i++) {
		PyObject *pair = PyList_GetItem(headers, i);
		Py_XINCREF(pair); // the list may change while an error shows the pair
		int bad = pair == NULL ? -1 : put_header(x, pair);
		Py_XDECREF(pair);
		if (bad)
			return -1;
	}
	return 0;
}

// reraise raises what the application passed as exc_info (PEP 3333: the head is out already).
static void reraise(PyObject *exc_info) {
	if (!PyTuple_Check(exc_info) || PyTuple_Size(exc_info) != 3 || !PyExceptionInstance_Check(PyTuple_GetItem(exc_info, 1))) {
		PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() returns for an exception");
		return;
	}
	PyObject *type = PyTuple_GetItem(exc_info, 0), *value = PyTuple_GetItem(exc_info, 1), *tb = PyTuple_GetItem(exc_info, 2);
	Py_INCREF(type);
	Py_INCREF(value);
	if (tb == Py_None)
		tb = NULL;
	Py_XINCREF(tb);
	PyErr_Restore(type, value, tb);
}

static int start(exchange *x, PyObject *status, PyObject *headers, PyObject *exc_info) {
	if (exc_info == NULL || exc_info == Py_None) {
		if (x->called) {
			PyErr_SetString(PyExc_AssertionError, "start_response was called again without exc_info");
			return -1;
		}
	} else if (x->sent) {
		reraise(exc_info);
		return -1;
	}
	x->called = 1;
	x->valid = 0;
	x->head_len = 0;
	x->flags = 0;
	x->length = -1;
	if (put_status(x, status) < 0 || put_headers(x, headers) < 0)
		return -1;
	x->valid = 1;
	return 0;
}

static exchange *live(PyObject *self) {
	exchange *x = ((StartResponse *)self)->x;
	if (x == NULL)
		PyErr_SetString(PyExc_RuntimeError, "this response is over");
	return x;
}

// write sends at once: what does not fit the socket is queued and goes on being sent
// while the application computes (PEP 3333, "Buffering and Streaming").
static PyObject *py_write(PyObject *self, PyObject *data) {
	exchange *x = live(self);
	if (x == NULL)
		return NULL;
	char *p;
	Py_ssize_t n;
	if (!PyBytes_Check(data)) {
		PyErr_Format(PyExc_TypeError, "write() takes bytes, not %R", (PyObject *)Py_TYPE(data));
		return NULL;
	}
	if (!x->valid) {
		PyErr_SetString(PyExc_AssertionError, "write() without a valid start_response()");
		return NULL;
	}
	if (!x->inside) { // a thread that outlived the call, between the server's own steps
		PyErr_SetString(PyExc_RuntimeError, "write() after the application has returned");
		return NULL;
	}
	if (PyBytes_AsStringAndSize(data, &p, &n) < 0)
		return NULL;
	if (n > 0) {
		step s = {x, STEP_CHUNK, x->status, x->flags, x->sent, x->length, x->head, x->head_len, p, (size_t)n};
		x->sent = 1;
		if (goWrite(x->slot, &s) != 0) {
			PyErr_SetString(PyExc_ConnectionError, "the client is gone");
			return NULL;
		}
	}
	Py_RETURN_NONE;
}

static PyMethodDef write_def = {"write", py_write, METH_O, "write(data: bytes): the legacy way to send a body (PEP 3333)"};

static PyObject *start_response(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
	exchange *x = live(self);
	if (x == NULL)
		return NULL;
	Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
	int bad = n < 2 || n + named > 3;
	if (!bad && named == 1)
		bad = PyUnicode_CompareWithASCIIString(PyTuple_GetItem(names, 0), "exc_info") != 0;
	if (bad) {
		PyErr_SetString(PyExc_TypeError, "start_response(status, headers, exc_info=None)");
		return NULL;
	}
	if (start(x, args[0], args[1], n + named == 3 ? args[2] : NULL) < 0)
		return NULL;
	return PyCFunction_NewEx(&write_def, self, NULL);
}

static PyMethodDef start_def = {
	"start_response", (PyCFunction)(void (*)(void))start_response, METH_FASTCALL | METH_KEYWORDS,
	"start_response(status, headers, exc_info=None) -> write (PEP 3333)"};

static void dealloc(PyObject *self) {
	PyTypeObject *type = Py_TYPE(self);
	exchange *x = ((StartResponse *)self)->x;
	if (x != NULL)
		x->callable = NULL;
	PyObject_Free(self);
	Py_DECREF(type);
}

static PyType_Slot slots[] = {{Py_tp_dealloc, dealloc}, {0, NULL}};
static PyType_Spec spec = {"wsgi.StartResponse", sizeof(StartResponse), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int response_setup(void) {
	start_response_type = (PyTypeObject *)PyType_FromSpec(&spec);
	return start_response_type == NULL ? -1 : 0;
}

PyObject *response_new(exchange *x) {
	StartResponse *self = PyObject_New(StartResponse, start_response_type);
	if (self == NULL)
		return NULL;
	self->x = x;
	x->callable = (PyObject *)self;
	PyObject *fn = PyCFunction_NewEx(&start_def, (PyObject *)self, NULL);
	Py_DECREF(self);
	return fn;
}

void response_detach(exchange *x) {
	if (x->callable != NULL)
		((StartResponse *)x->callable)->x = NULL;
	x->callable = NULL;
}
