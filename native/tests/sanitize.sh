#!/bin/sh
# ASan + UBSan, then TSan, over the C++ tests. Usage: native/tests/sanitize.sh [build root]
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-${TMPDIR:-/tmp}/bptt-sanitize}
for kind in address,undefined thread; do
  dir=$root/$kind
  cmake -S "$here" -B "$dir" -DBPTT_PYTHON=OFF -DBPTT_TESTS=ON -DBPTT_SANITIZE=$kind >/dev/null
  cmake --build "$dir" -j2
  for t in cells dense update engine; do
    echo "== $kind: $t"
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 "$dir/test_$t"
  done
  echo "== $kind: vecmath"
  "$dir/test_vecmath" quick
done
