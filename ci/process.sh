#!/bin/bash
# Holds the cases with our servers as plain processes: over TCP and a Unix socket, on the Python of
# Debian 13 and that of Debian 12, under AddressSanitizer, cgo's checks and the race detector.
# Runs where they can be built: go run ./ci/toolchain ci/process.sh (after make bin/matrix and
# bin/process.test, see ci/test.sh). The reports are put into OUT.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-/tmp/process}
failed=0

bin/process.test -test.timeout 10m || failed=1

# engine BUILD SOCKET PYTHON
engine() {
    printf -- '\n--- build %s, %s socket, %s\n' "$@"
    bin/matrix run --engine process --build "$1" --socket "$2" --python "$3" --jobs 8 --out "$out/$1-$2-$3" || failed=1
}
engine plain tcp python3.13
engine plain unix python3.13
engine plain tcp python3.11
engine plain unix python3.11
engine asan tcp python3.13
engine asan unix python3.11
engine cgocheck tcp python3.13
engine race tcp python3.13 # its interpreter is part of the program: what --python names is not used
exit "$failed"
