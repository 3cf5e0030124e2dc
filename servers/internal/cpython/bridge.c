// One request is one call in here: make the environ, call the application, step its response.
// Each call runs in the exchange's own contextvars.Context, so that responses which take turns
// on one thread do not see each other's context variables.
#include <stdlib.h>
#include <string.h>

#include "internal.h"

PyObject *helper_report, *helper_BytesIO, *helper_open_body;
static PyObject *application, *copy_context, *start_thread, *str_run, *str_close;
static PyObject *fn_begin, *fn_next, *fn_close;
static exchange *pool; // guarded by the GIL

static _Thread_local struct {
	PyThreadState *state; // while the GIL is released
	PyObject *run;        // Context.run, ready for the next exchange
	PyObject *kept;       // the chunk of the last STEP_WHOLE
	exchange *x;          // for fn_begin, fn_next, fn_close
	PyObject *env;        // for fn_begin
	step *out;            // for fn_begin, fn_next
} thread;

static exchange *take(uint32_t slot) {
	exchange *x = pool;
	if (x != NULL)
		pool = x->free;
	else if ((x = calloc(1, sizeof *x)) == NULL) {
		PyErr_NoMemory();
		return NULL;
	}
	char *head = x->head;
	size_t cap = x->head_cap;
	memset(x, 0, sizeof *x);
	x->head = head;
	x->head_cap = cap;
	x->length = -1;
	x->slot = slot;
	return x;
}

static void give(exchange *x) {
	response_detach(x);
	Py_CLEAR(x->chunk);
	Py_CLEAR(x->iter);
	Py_CLEAR(x->iterable);
	// The context serves this thread again, as a thread's context does under other servers:
	// Django keeps its caches' connections there.
	if (thread.run == NULL)
		thread.run = x->run;
	else
		Py_XDECREF(x->run);
	x->run = NULL;
	x->free = pool;
	pool = x;
}

// report logs the current exception and clears it.
static void report(void) {
	PyObject *type, *value, *tb;
	PyErr_Fetch(&type, &value, &tb);
	PyErr_NormalizeException(&type, &value, &tb);
	if (tb != NULL && value != NULL)
		PyException_SetTraceback(value, tb);
	PyObject *done = PyObject_CallFunctionObjArgs(helper_report, value != NULL ? value : Py_None, NULL);
	if (done == NULL)
		PyErr_Clear();
	Py_XDECREF(done);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(tb);
}

// close_iterable calls close() once, on the iterable (PEP 3333), whatever happened before.
static void close_iterable(exchange *x) {
	PyObject *iterable = x->iterable;
	Py_CLEAR(x->iter);
	x->iterable = NULL;
	if (iterable == NULL)
		return;
	PyObject *type, *value, *tb;
	PyErr_Fetch(&type, &value, &tb);
	PyObject *close = PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable) ? NULL : PyObject_GetAttr(iterable, str_close);
	if (close != NULL) {
		PyObject *done = PyObject_CallNoArgs(close);
		if (done == NULL)
			report();
		Py_XDECREF(done);
		Py_DECREF(close);
	}
	PyErr_Clear();
	Py_DECREF(iterable);
	PyErr_Restore(type, value, tb);
}

static void fill_step(exchange *x, step *out, int kind, PyObject *chunk) {
	out->kind = kind;
	out->status = x->status;
	out->flags = x->flags;
	out->sent = x->sent;
	out->length = x->length;
	out->head = x->head;
	out->head_len = x->head_len;
	out->chunk = NULL;
	out->chunk_len = 0;
	if (chunk != NULL) {
		char *p;
		Py_ssize_t n;
		PyBytes_AsStringAndSize(chunk, &p, &n);
		out->chunk = p;
		out->chunk_len = (size_t)n;
	}
}

// ready says whether a head can be sent; if not, an exception is set.
static int ready(exchange *x) {
	if (!x->valid)
		PyErr_SetString(PyExc_AssertionError, x->called ? "start_response was called with bad arguments" : "start_response was not called");
	return x->valid;
}

static int is_chunk(PyObject *item) {
	if (!PyBytes_Check(item))
		PyErr_Format(PyExc_TypeError, "a body is made of bytes, not %R", (PyObject *)Py_TYPE(item));
	return PyBytes_Check(item);
}

// advance steps the iterator to its next non-empty chunk. Runs in the exchange's context.
static PyObject *advance(exchange *x, step *out) {
	for (;;) {
		PyObject *item = PyIter_Next(x->iter);
		if (item == NULL) {
			if (PyErr_Occurred() || !ready(x))
				return NULL;
			close_iterable(x);
			fill_step(x, out, STEP_END, NULL);
			Py_RETURN_NONE;
		}
		if (!is_chunk(item)) {
			Py_DECREF(item);
			return NULL;
		}
		if (PyBytes_Size(item) > 0) {
			x->chunk = item;
			break;
		}
		Py_DECREF(item);
	}
	if (!ready(x))
		return NULL;
	fill_step(x, out, STEP_CHUNK, x->chunk);
	x->sent = 1;
	Py_RETURN_NONE;
}

// only returns the single chunk of a list or tuple of one (borrowed), or NULL.
static PyObject *only(PyObject *iterable) {
	PyObject *item = NULL;
	if (PyList_CheckExact(iterable) && PyList_Size(iterable) == 1)
		item = PyList_GetItem(iterable, 0);
	else if (PyTuple_CheckExact(iterable) && PyTuple_Size(iterable) == 1)
		item = PyTuple_GetItem(iterable, 0);
	return item != NULL && PyBytes_CheckExact(item) && PyBytes_Size(item) > 0 ? item : NULL;
}

// whole ends an exchange whose one chunk is known: such a list has no close().
static PyObject *whole(exchange *x, step *out, PyObject *chunk) {
	if (!ready(x))
		return NULL;
	Py_INCREF(chunk);
	Py_XDECREF(thread.kept);
	thread.kept = chunk;
	fill_step(x, out, STEP_WHOLE, chunk);
	Py_RETURN_NONE;
}

#define WHOLE_MAX 65536 // a longer one is kept by its exchange, for the socket may not take it at once

static PyObject *py_begin(PyObject *self, PyObject *unused) {
	(void)self, (void)unused;
	exchange *x = thread.x;
	step *out = thread.out;
	PyObject *start = response_new(x);
	if (start == NULL)
		return NULL;
	x->iterable = PyObject_CallFunctionObjArgs(application, thread.env, start, NULL);
	Py_DECREF(start);
	if (x->iterable == NULL)
		return NULL;
	PyObject *chunk = only(x->iterable);
	if (chunk != NULL && !x->sent && PyBytes_Size(chunk) <= WHOLE_MAX)
		return whole(x, out, chunk);
	if (chunk != NULL && x->valid && x->length < 0 && !x->sent)
		x->length = PyBytes_Size(chunk); // PEP 3333, "Handling the Content-Length Header"
	x->iter = PyObject_GetIter(x->iterable);
	return x->iter == NULL ? NULL : advance(x, out);
}

static PyObject *py_next(PyObject *self, PyObject *unused) {
	(void)self, (void)unused;
	return advance(thread.x, thread.out);
}

static PyObject *py_close(PyObject *self, PyObject *unused) {
	(void)self, (void)unused;
	close_iterable(thread.x);
	Py_RETURN_NONE;
}

// in_context runs one of the three above in the exchange's context. thread.x and the rest
// are read before any Python code runs, so another exchange begun meanwhile does no harm.
static int in_context(exchange *x, PyObject *fn, step *out) {
	thread.x = x;
	thread.out = out;
	x->inside = 1;
	PyObject *done = PyObject_CallFunctionObjArgs(x->run, fn, NULL);
	x->inside = 0;
	if (done == NULL)
		return -1;
	Py_DECREF(done);
	return 0;
}

static PyObject *take_context(void) {
	PyObject *run = thread.run;
	thread.run = NULL;
	if (run != NULL)
		return run;
	PyObject *context = PyObject_CallNoArgs(copy_context);
	if (context == NULL)
		return NULL;
	run = PyObject_GetAttr(context, str_run);
	Py_DECREF(context);
	return run;
}

static void failed(exchange *x, step *out) {
	report();
	if (x->run != NULL && x->iterable != NULL && in_context(x, fn_close, NULL) < 0)
		report();
	fill_step(x, out, STEP_FAILED, NULL);
}

// settle ends the exchange unless more may come.
static void settle(exchange *x, step *out) {
	out->x = x;
	if (out->kind == STEP_CHUNK)
		return;
	out->x = NULL;
	give(x); // its head stays readable in the pool until the GIL is released
}

void bridge_begin(const char *pairs, const char *body, size_t body_len, int body_fd, uint32_t slot, step *out) {
	memset(out, 0, sizeof *out);
	out->kind = STEP_FAILED;
	exchange *x = take(slot);
	if (x == NULL) {
		report();
		return;
	}
	PyObject *env = environ_make(pairs, body, body_len, body_fd);
	x->run = take_context();
	thread.env = env;
	if (env == NULL || x->run == NULL || in_context(x, fn_begin, out) < 0)
		failed(x, out);
	Py_XDECREF(env);
	settle(x, out);
}

void bridge_next(exchange *x, step *out) {
	Py_CLEAR(x->chunk);
	if (in_context(x, fn_next, out) < 0)
		failed(x, out);
	settle(x, out);
}

void bridge_abandon(exchange *x) {
	Py_CLEAR(x->chunk);
	if (in_context(x, fn_close, NULL) < 0)
		report();
	give(x);
}

int bridge_thread(int index) {
	PyObject *done = PyObject_CallFunction(start_thread, "i", index);
	if (done == NULL) {
		report();
		return -1;
	}
	Py_DECREF(done);
	return 0;
}

void bridge_release(void) { thread.state = PyEval_SaveThread(); }

void bridge_acquire(void) { PyEval_RestoreThread(thread.state); }

static PyMethodDef defs[] = {
	{"begin", py_begin, METH_NOARGS, NULL},
	{"next", py_next, METH_NOARGS, NULL},
	{"close", py_close, METH_NOARGS, NULL},
};

static PyObject *helper(PyObject *helpers, const char *name) {
	PyObject *value = PyDict_GetItemString(helpers, name);
	if (value == NULL)
		PyErr_Format(PyExc_KeyError, "the bootstrap gave no %s", name);
	Py_XINCREF(value);
	return value;
}

static int setup(PyObject *helpers) {
	PyObject *keys = helper(helpers, "keys"), *environ = helper(helpers, "environ");
	application = helper(helpers, "application");
	helper_report = helper(helpers, "report");
	helper_BytesIO = helper(helpers, "BytesIO");
	helper_open_body = helper(helpers, "open_body");
	copy_context = helper(helpers, "copy_context");
	start_thread = helper(helpers, "start_thread");
	str_run = PyUnicode_InternFromString("run");
	str_close = PyUnicode_InternFromString("close");
	fn_begin = PyCFunction_NewEx(&defs[0], NULL, NULL);
	fn_next = PyCFunction_NewEx(&defs[1], NULL, NULL);
	fn_close = PyCFunction_NewEx(&defs[2], NULL, NULL);
	int bad = PyErr_Occurred() || environ_setup(keys, environ) < 0 || response_setup() < 0;
	Py_XDECREF(keys);
	Py_XDECREF(environ);
	return bad ? -1 : 0;
}

int bridge_setup(void *helpers) {
	if (setup(helpers) == 0)
		return 0;
	PyErr_Print();
	return -1;
}
