#!/bin/bash
# Everything that has to pass, the end-to-end tests on real containers included. Installs what it
# needs.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0

fuzztime=${FUZZTIME:-3s} # for each target
failed=0

# Whatever ends this ends what it has in the background, with all that it has started: each job is
# a process group of its own.
set -m
trap 'for job in $(jobs -p); do kill -- "-$job" 2> /dev/null || true; done; wait' EXIT

step() { printf '\n=== %s (%d s)\n' "$*" "$SECONDS"; }

# need COMMAND PACKAGE… installs the first of these Debian packages that there is, if the command
# is missing.
need() {
    command -v "$1" > /dev/null && return
    local package
    apt-get update -q > /dev/null
    for package in "${@:2}"; do
        echo "installing $package, for $1"
        apt-get install -y -q --no-install-recommends "$package" > /dev/null && return
    done
    echo "$1 is missing, and cannot be installed" >&2
    return 1
}
need docker docker-cli docker.io
docker compose version > /dev/null 2>&1 || need docker-compose docker-compose
need python3 python3 # with its standard library: apps/probe/selfcheck

# The linter is built beside the images: the one waits for the processor, the other for the mirror.
mkdir -p bin
ci/lint.sh --install > bin/lint-install.log 2>&1 &
linter=$!

# The servers' tests wait more than they compute, so they run beside what follows.
step "servers, in the toolchain image, in the background"
go build -trimpath -o bin/matrix ./matrix
go test -c -tags toolchain -o bin/process.test ./matrix/engine/process
{
    set +m # what this starts belongs to its group
    go run ./ci/toolchain go vet -tags toolchain ./servers/...
    go run ./ci/toolchain go test -race -tags toolchain -shuffle=on -timeout 20m ./servers/...
} > bin/servers-test.log 2>&1 &
servers=$!

step "a few seconds of every fuzz target"
grep -rn --include='*_test.go' -oE '^func Fuzz\w+' apps ci docs matrix servers | while IFS=: read -r file _ func; do
    go test -run '^$' -fuzz "^${func#func }\$" -fuzztime "$fuzztime" "./$(dirname "$file")"
done

step "lint"
wait "$linter" || { cat bin/lint-install.log; exit 1; }
ci/lint.sh

# The cases against our servers as plain processes wait more than they compute, too. They begin
# behind the fuzz targets, which want both processors.
step "our servers as processes, in the toolchain image, in the background"
{
    set +m
    go run ./ci/toolchain ci/process.sh
} > bin/process-test.log 2>&1 &
process=$!

# The race detector needs a C compiler, which nothing else on this side does.
race=()
if command -v gcc > /dev/null; then
    export CGO_ENABLED=1
    race=(-race)
fi
step "everything else, on real containers ${race[*]}"
go test "${race[@]}" -shuffle=on -timeout 30m ./apps/... ./ci/... ./docs/... ./matrix/... || failed=1

step "servers, in the toolchain image: vet and race detector"
wait "$servers" || failed=1
cat bin/servers-test.log

step "our servers as processes"
wait "$process" || failed=1
cat bin/process-test.log
exit "$failed"
