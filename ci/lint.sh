#!/bin/sh
# gofmt, vet and golangci-lint, which is installed where it is missing. `ci/lint.sh --install` does
# that alone: it takes minutes the first time.
set -eu
cd "$(dirname "$0")/.."
export CGO_ENABLED=0

version=2.15.0
linter=bin/tools/golangci-lint

if ! "$linter" version 2>/dev/null | grep -qF "version $version"; then
    echo "lint: installing golangci-lint $version"
    GOBIN="$PWD/bin/tools" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$version"
fi
if [ "${1-}" = --install ]; then
    exit
fi

unformatted=$(gofmt -l apps ci docs matrix servers)
if [ -n "$unformatted" ]; then
    echo "lint: run gofmt -w on:" >&2
    echo "$unformatted" >&2
    exit 1
fi
go vet ./...
"$linter" run ./...
