#!/usr/bin/env bash
# Refreshes the message catalogues: collects the texts from the code and merges them into each language.
set -euo pipefail
cd "$(dirname "$0")/.."
locale=src/pollwatch/locale
cat > "$locale/babel.cfg" <<'CFG'
[python: **.py]
[jinja2: **/templates/**.j2]
trim_blocks=true
CFG
.venv/bin/pybabel -q extract -F "$locale/babel.cfg" --sort-output --no-location --omit-header -k _ -k ngettext:1,2 -o "$locale/pollwatch.pot" src/pollwatch
for language in nl; do
  if [ -f "$locale/$language/LC_MESSAGES/pollwatch.po" ]; then
    .venv/bin/pybabel -q update --no-fuzzy-matching --omit-header -D pollwatch -i "$locale/pollwatch.pot" -d "$locale" -l "$language"
  else
    .venv/bin/pybabel -q init -D pollwatch -i "$locale/pollwatch.pot" -d "$locale" -l "$language"
  fi
done
rm "$locale/babel.cfg"
