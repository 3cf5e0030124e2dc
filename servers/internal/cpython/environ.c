// The pairs that Go wrote into one buffer → the environ dict of PEP 3333.
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define NAMED 0xFFFFFFFFu
#define NAME_SLOTS 512 // unknown header names kept; a power of two
#define VALUE_MAX 256  // longer values are not remembered

// last remembers the value a key had in the latest request: most repeat.
typedef struct {
	PyObject *key, *value;
	uint32_t len;
	char bytes[VALUE_MAX];
} known_key;

typedef struct {
	PyObject *key;
	uint32_t len;
	char *bytes;
} known_name;

static PyObject *template;
static known_key *known;
static uint32_t known_count;
static known_name names[NAME_SLOTS];
static PyObject *key_input;

int environ_setup(PyObject *keys, PyObject *from) {
	Py_ssize_t n = PyTuple_Size(keys);
	if (n < 0)
		return -1;
	known = calloc((size_t)n, sizeof *known);
	if (known == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	known_count = (uint32_t)n;
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *key = PyTuple_GetItem(keys, i);
		Py_INCREF(key);
		PyUnicode_InternInPlace(&key);
		known[i].key = key;
	}
	key_input = PyUnicode_InternFromString("wsgi.input");
	Py_INCREF(from);
	template = from;
	return key_input == NULL ? -1 : 0;
}

static uint32_t hash(const char *p, uint32_t n) {
	uint32_t h = 2166136261u;
	for (uint32_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 16777619u;
	return h;
}

// name_of returns a new reference to the key with these bytes. The first name in each slot
// stays: clients that make names up cost no memory.
static PyObject *name_of(const char *p, uint32_t n) {
	known_name *slot = &names[hash(p, n) & (NAME_SLOTS - 1)];
	if (slot->key != NULL && slot->len == n && memcmp(slot->bytes, p, n) == 0) {
		Py_INCREF(slot->key);
		return slot->key;
	}
	PyObject *key = PyUnicode_DecodeLatin1(p, n, NULL);
	if (key == NULL || slot->key != NULL || n > VALUE_MAX)
		return key;
	char *copy = malloc(n);
	if (copy == NULL)
		return key;
	memcpy(copy, p, n);
	Py_INCREF(key);
	*slot = (known_name){key, n, copy};
	return key;
}

static PyObject *value_of(known_key *k, const char *p, uint32_t n) {
	if (k->value != NULL && k->len == n && memcmp(k->bytes, p, n) == 0) {
		Py_INCREF(k->value);
		return k->value;
	}
	PyObject *value = PyUnicode_DecodeLatin1(p, n, NULL);
	if (value == NULL || n > VALUE_MAX)
		return value;
	Py_XDECREF(k->value);
	Py_INCREF(value);
	k->value = value;
	k->len = n;
	memcpy(k->bytes, p, n);
	return value;
}

static int set_pair(PyObject *env, PyObject *key, PyObject *value) {
	if (key == NULL || value == NULL)
		return -1;
	return PyDict_SetItem(env, key, value);
}

static int set_named(PyObject *env, const char *p, uint32_t name_len, uint32_t value_len) {
	PyObject *key = name_of(p, name_len);
	PyObject *value = PyUnicode_DecodeLatin1(p + name_len, value_len, NULL);
	int bad = set_pair(env, key, value);
	Py_XDECREF(key);
	Py_XDECREF(value);
	return bad;
}

static int set_known(PyObject *env, uint32_t id, const char *p, uint32_t n) {
	if (id >= known_count) {
		PyErr_Format(PyExc_SystemError, "environ key %u of %u", id, known_count);
		return -1;
	}
	PyObject *value = value_of(&known[id], p, n);
	int bad = set_pair(env, known[id].key, value);
	Py_XDECREF(value);
	return bad;
}

static int fill(PyObject *env, const char *p) {
	uint32_t count;
	memcpy(&count, p, sizeof count);
	p += sizeof count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t rec[3]; // id, length of the name, length of the value
		memcpy(rec, p, sizeof rec);
		p += sizeof rec;
		int bad = rec[0] == NAMED ? set_named(env, p, rec[1], rec[2]) : set_known(env, rec[0], p + rec[1], rec[2]);
		if (bad)
			return -1;
		p += (rec[1] + rec[2] + 3u) & ~3u;
	}
	return 0;
}

static PyObject *input_of(const char *body, size_t len, int fd) {
	if (fd >= 0)
		return PyObject_CallFunction(helper_open_body, "i", fd);
	if (len == 0)
		return PyObject_CallNoArgs(helper_BytesIO);
	PyObject *bytes = PyBytes_FromStringAndSize(body, (Py_ssize_t)len);
	if (bytes == NULL)
		return NULL;
	PyObject *input = PyObject_CallFunctionObjArgs(helper_BytesIO, bytes, NULL);
	Py_DECREF(bytes);
	return input;
}

PyObject *environ_make(const char *pairs, const char *body, size_t body_len, int body_fd) {
	PyObject *input = input_of(body, body_len, body_fd); // first: it takes the file over
	if (input == NULL)
		return NULL;
	PyObject *env = PyDict_Copy(template);
	if (env != NULL && (PyDict_SetItem(env, key_input, input) < 0 || fill(env, pairs) < 0))
		Py_CLEAR(env);
	Py_DECREF(input);
	return env;
}
