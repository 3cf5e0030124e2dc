// What the .c files of the bridge share.
#ifndef WSGI_INTERNAL_H
#define WSGI_INTERNAL_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bridge.h"

struct exchange {
	PyObject *iterable; // what the application returned
	PyObject *iter;     // its iterator; NULL until it is asked for
	PyObject *chunk;    // the bytes that Go is sending
	PyObject *run;      // Context.run of this exchange's context
	PyObject *callable; // the StartResponse that points here (borrowed)
	char *head;         // status and headers, as start_response was given them
	size_t head_len, head_cap;
	int64_t length;
	int32_t status;
	uint32_t flags;
	uint32_t slot;   // which connection; Go's number
	unsigned called : 1; // start_response was called
	unsigned valid : 1;  // … and head holds what it was given
	unsigned sent : 1;   // the head is out
	unsigned inside : 1; // the application is being called
	exchange *free;  // the next in the pool
};

// From bridge.c: the helpers of the bootstrap.
extern PyObject *helper_report;    // report(exception): logs the traceback
extern PyObject *helper_BytesIO;
extern PyObject *helper_open_body; // open_body(fd) -> a buffered reader

// environ.c
int environ_setup(PyObject *keys, PyObject *template);
PyObject *environ_make(const char *pairs, const char *body, size_t body_len, int body_fd);

// response.c: start_response and write.
int response_setup(void);
PyObject *response_new(exchange *x); // a start_response for x
void response_detach(exchange *x);   // x is over: its start_response raises from now on

#endif
