#!/bin/sh
# Cross-compiles the engine for aarch64 and runs its C++ tests under qemu-user.
# Debian: apt-get install g++-aarch64-linux-gnu qemu-user cmake
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$here/../build/native/aarch64
cmake -S "$here" -B "$dir" -DBPTT_PYTHON=OFF -DBPTT_TESTS=ON -DBPTT_WERROR=ON -DCMAKE_SYSTEM_NAME=Linux \
  -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ >/dev/null
cmake --build "$dir" -j2
run="qemu-aarch64 -L /usr/aarch64-linux-gnu"
$run "$dir/test_vecmath" quick
$run "$dir/test_cells"
$run "$dir/test_dense"
$run "$dir/test_update"
$run "$dir/test_engine" nofork  # qemu-user aborts where a forked child starts threads
