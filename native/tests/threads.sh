#!/bin/sh
# The C++ tests with ThreadSanitizer.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$here/../build/native/thread
cmake -S "$here" -B "$dir" -DBPTT_PYTHON=OFF -DBPTT_TESTS=ON -DBPTT_WERROR=ON -DBPTT_SANITIZE=thread >/dev/null
cmake --build "$dir" -j2
TSAN_OPTIONS=halt_on_error=1 ctest --test-dir "$dir" --output-on-failure
