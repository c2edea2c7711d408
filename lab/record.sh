#!/bin/bash
# Records the election week from nothing:  sudo lab/record.sh TARGET [--keep]
# Needs root (namespaces) and Debian's packages; everything happens in namespaces that are deleted at the end.
set -eu
packages="nginx-light openssh-server openssh-client sshpass rsyslog libfaketime hydra gobuster dirb ffuf sqlmap wapiti
apache2-utils curl zstd sudo iproute2 linkchecker tzdata"
if [ "$(id -u)" != 0 ]; then echo "lab: needs root for network namespaces: sudo $0 TARGET" >&2; exit 2; fi
if [ $# -lt 1 ]; then echo "usage: $0 TARGET [--keep]" >&2; exit 2; fi
missing=$(for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || echo "$p"; done)
if [ -n "$missing" ]; then echo "lab: missing packages; install them (without starting services): apt-get install" $missing >&2; exit 2; fi
cd "$(dirname "$0")"
exec unshare --mount --propagation private /usr/bin/python3 -B record.py "$(cd "$OLDPWD" && realpath -m "$1")" "${@:2}"
