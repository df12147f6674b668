# Sourced by demo.sh and test.sh: makes or reuses .venv and installs scanbank with the pinned versions of constraints.txt.
# EXTRA is what is installed: "" for users, "[dev]" for tests. Prints nothing but what goes wrong, and one line a step.

PYTHON="${PYTHON:-python3}"
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "scanbank needs Python 3.11 or newer; found: $("$PYTHON" --version 2>&1). Set PYTHON=/path/to/python3.11" >&2
    exit 1
fi
[ -x .venv/bin/python ] || { echo "making .venv"; "$PYTHON" -m venv .venv; }
# What was installed is remembered by the digest of what asks for it: a second run installs nothing.
STAMP=".venv/.scanbank$EXTRA"
WANTED="$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -d' ' -f1)  $PWD"
if [ "$(cat "$STAMP" 2>/dev/null)" != "$WANTED" ]; then
    echo "installing (a few minutes the first time; torch alone is some GB)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".$EXTRA"
    echo "$WANTED" > "$STAMP"
fi
