#!/bin/sh
# Builds the C++ tests and runs them: plain, then with AddressSanitizer and UndefinedBehaviorSanitizer.
# Warnings are errors. Usage: native/tests/run.sh [build root]
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-${TMPDIR:-/tmp}/bptt-native-tests}
for kind in "" address,undefined; do
  dir=$root/${kind:-plain}
  cmake -S "$here" -B "$dir" -DBPTT_PYTHON=OFF -DBPTT_TESTS=ON -DBPTT_WERROR=ON -DBPTT_SANITIZE=$kind >/dev/null
  cmake --build "$dir" -j2
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ctest --test-dir "$dir" --output-on-failure
done
