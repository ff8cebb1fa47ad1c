#!/bin/sh
# Builds the C++ tests and runs them: plain, and with AddressSanitizer and UndefinedBehaviorSanitizer.
# Warnings are errors. Usage: native/tests/run.sh [plain|address,undefined]...   (both where none is named)
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
root=$here/../build/native
# Kernels that this machine cannot run are not tested: they need not be compiled.
case $(uname -m) in x86_64) grep -q avx512bw /proc/cpuinfo || avx512=OFF ;; esac
[ $# -gt 0 ] || set -- plain address,undefined
for kind; do
  dir=$root/$kind
  sanitize=$([ "$kind" = plain ] || echo "$kind")
  cmake -S "$here" -B "$dir" -DBPTT_PYTHON=OFF -DBPTT_TESTS=ON -DBPTT_WERROR=ON -DBPTT_SANITIZE=$sanitize \
    -DBPTT_AVX512=${avx512:-ON} >/dev/null
  cmake --build "$dir" -j2
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ctest --test-dir "$dir" --output-on-failure -j2
done
