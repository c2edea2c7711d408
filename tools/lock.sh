#!/usr/bin/env bash
# Rewrites requirements/*.txt from requirements/*.in: every version pinned, every file hashed, no index address.
set -euo pipefail
cd "$(dirname "$0")/.."
for input in requirements/*.in; do
  .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@" "$input" -o "${input%.in}.txt"
done
