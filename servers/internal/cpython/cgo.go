//go:build cgo

package cpython

// The symbols of Python are found in the python3 that loads the shared object.

// #cgo pkg-config: python3
// #cgo CFLAGS: -std=gnu11 -O2 -Wall -Wextra -Wno-unused-parameter -Werror
// #cgo LDFLAGS: -Wl,--unresolved-symbols=ignore-all
import "C"
