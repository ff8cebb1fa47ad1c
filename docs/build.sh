#!/bin/sh
# Builds the site into build/site; warnings, broken links and files from the network are errors. All it
# needs goes into an environment of its own, and MathJax beside the pages: they read without network.
# Usage: docs/build.sh [sphinx-build options]
set -e
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
venv=$root/build/docs-venv
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet "$root[docs]"
if [ ! -f "$here/_static/mathjax/tex-svg-full.js" ]; then
  mkdir -p "$root/build/mathjax" "$here/_static/mathjax"
  (cd "$root/build/mathjax" && npm pack --silent mathjax@3.2.2 >/dev/null && tar xzf mathjax-3.2.2.tgz)
  cp "$root/build/mathjax/package/es5/tex-svg-full.js" "$here/_static/mathjax/"
fi
"$venv/bin/python" -m bptt.course.pictures "$here/_static"
mkdir -p "$root/build/ipython/profile_default"  # the kernels' warning that local TCP is not encrypted
echo 'c.IPKernelApp.log_level = "ERROR"' >"$root/build/ipython/profile_default/ipython_kernel_config.py"
export IPYTHONDIR=$root/build/ipython JUPYTER_CACHE=$root/build/notebooks
# -E: an environment of before does not know new pages, whose API entries are then missing
"$venv/bin/sphinx-build" -E -W --keep-going -q -b html -d "$root/build/doctrees" \
  "$@" "$here" "$root/build/site"
"$venv/bin/python" "$here/check_site.py" "$root/build/site"
echo "$root/build/site/index.html"
