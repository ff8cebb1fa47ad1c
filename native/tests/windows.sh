#!/bin/sh
# Cross-compiles the engine for Windows (clang, the headers and libraries of MinGW-w64) and runs its C++
# tests under Wine. Debian: apt-get install clang g++-mingw-w64-x86-64-posix wine64 cmake
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$here/../build/native/windows
gcc=$(dirname "$(x86_64-w64-mingw32-g++-posix -print-libgcc-file-name)")
# clang does not find the folder "12-posix" by itself. (GCC itself is no choice: it aligns no stack to 32 bytes
# on Windows, its bug 54412.)
cmake -S "$here" -B "$dir" -DBPTT_PYTHON=OFF -DBPTT_TESTS=ON -DBPTT_WERROR=ON -DCMAKE_SYSTEM_NAME=Windows \
  -DCMAKE_SYSTEM_PROCESSOR=x86_64 -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_CXX_COMPILER_TARGET=x86_64-w64-windows-gnu \
  -DCMAKE_CXX_FLAGS="-femulated-tls -isystem $gcc/include/c++ -isystem $gcc/include/c++/x86_64-w64-mingw32" \
  -DCMAKE_EXE_LINKER_FLAGS="-static -L$gcc" -DCMAKE_CXX_STANDARD_LIBRARIES="-lstdc++ -lwinpthread -lgcc -lgcc_eh -lwinpthread -lmingw32 -lmingwex -lmsvcrt -lkernel32" >/dev/null
cmake --build "$dir" -j"${JOBS:-2}"
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
for test in "vecmath quick" cells dense update engine; do
  set -- $test
  WINEDEBUG=-all WINEPREFIX=$dir/wine "$wine" "$dir/test_$1.exe" $2
done
