#!/usr/bin/env bash
# Installs scanbank into .venv and runs its main job on what the package brings along: the CT files that pydicom ships.
# An argument names the folder for the results (default: demo).
set -euo pipefail
HERE="$PWD"
cd "$(dirname "$0")/.."
OUT="${1:-$PWD/demo}"
case "$OUT" in /*) ;; *) OUT="$HERE/$OUT" ;; esac
EXTRA=""
. scripts/setup.sh
exec .venv/bin/python -m scanbank.scripts.demo "$OUT"
