#!/usr/bin/env bash
# Refreshes the message catalogues: collects the texts of code and templates and merges them into each language.
# The template (.pot) is an intermediate and is not kept; `make setup` compiles the catalogues to .mo files.
set -euo pipefail
cd "$(dirname "$0")/.."
locale=src/pollwatch/locale
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/babel.cfg" <<'CFG'
[python: **.py]
[jinja2: **/templates/**.j2]
silent = false
CFG
.venv/bin/pybabel -q extract -F "$work/babel.cfg" --sort-output --no-location --omit-header \
  --project pollwatch -o "$work/pollwatch.pot" src/pollwatch

for language in ${1:-nl uk ro fr es ru}; do
  if [ -f "$locale/$language/LC_MESSAGES/pollwatch.po" ]; then
    .venv/bin/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
      -D pollwatch -i "$work/pollwatch.pot" -d "$locale" -l "$language"
  else
    .venv/bin/pybabel -q init -D pollwatch -i "$work/pollwatch.pot" -d "$locale" -l "$language"
  fi
done
