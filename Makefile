# Each target calls one command. What the tool can do besides: bin/matrix --help

export CGO_ENABLED = 0

.PHONY: matrix test bench golden lint clean bin/matrix

matrix: bin/matrix   ## builds every image, runs every server with every app, writes out/
	bin/matrix run

test:                ## everything that has to pass, on real containers
	ci/test.sh

bench: bin/matrix    ## our servers against uWSGI, and what transfers leave in memory
	bin/matrix bench

golden: bin/matrix   ## makes the golden parts of the cases anew, from the apps themselves
	bin/matrix golden

lint:                ## gofmt, vet and golangci-lint
	ci/lint.sh

clean: bin/matrix    ## removes what this checkout has on the engine, then what it has built
	bin/matrix clean
	rm -rf bin out

bin/matrix:          # always: the go command knows best whether there is something to build
	go build -trimpath -o $@ ./matrix
