#!/usr/bin/env bash
# Installs scanbank into .venv and runs `scanbank demo`: from DICOM files to a few-shot table, a search and a report.
# An argument names the folder for the results (default: demo).
set -euo pipefail
HERE="$PWD"
cd "$(dirname "$0")/.."
OUT="${1:-$PWD/demo}"
case "$OUT" in /*) ;; *) OUT="$HERE/$OUT" ;; esac
EXTRA=""
. scripts/setup.sh
exec .venv/bin/scanbank demo "$OUT"
