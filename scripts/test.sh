#!/usr/bin/env bash
# Lint, format check, types, tests. `--slow` runs the proofs that take minutes as well; other arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
EXTRA="[dev]"
. scripts/setup.sh
MARKS="not slow"
if [ "${1:-}" = "--slow" ]; then MARKS=""; shift; fi
export PATH="$PWD/.venv/bin:$PATH"
# Without bytecode every worker rewrites the assertions of all tests again, which is a quarter of collecting them.
unset PYTHONDONTWRITEBYTECODE
# Absolute imports of the package (tests, scripts) resolve for the type checker through this link.
mkdir -p build/names && ln -sfn ../.. build/names/scanbank
echo "ruff check" && ruff check .
echo "ruff format" && ruff format --check .
echo "basedpyright" && basedpyright --level error
echo "pytest" && pytest -n 3 --dist loadscope -m "$MARKS" "$@"
