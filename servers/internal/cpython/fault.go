//go:build cgo && fault

package cpython

// Faults that are made on purpose, to see that a sanitizer would see others. Only a test builds them.

// #include <stdlib.h>
// static int overrun(void) {
// 	volatile char *bytes = malloc(8);
// 	int sum = 0;
// 	for (int i = 0; i <= 8; i++)
// 		sum += bytes[i];
// 	free((void *)bytes);
// 	return sum;
// }
import "C"

import (
	"os"
	"unsafe"
)

func init() {
	switch os.Getenv("WSGI_FAULT") {
	case "overrun": // C reads behind what it has allocated
		C.overrun()
	case "pointer": // a Go pointer is kept in C memory
		*(**int)(unsafe.Pointer(C.malloc(8))) = new(int)
	case "race": // two goroutines write without a lock
		n, done := 0, make(chan bool)
		for range 2 {
			go func() { n++; done <- true }()
		}
		<-done
		<-done
	}
}
