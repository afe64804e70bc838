#!/bin/sh
# Installs the programs the tests need beside Python: a Chromium, a PostgreSQL server, a font to draw pages with, and
# two that know authenticator apps: oathtool makes their codes, zbarimg reads what they scan.
#
# Does nothing where they are there already. Otherwise it needs apt-get and the right to use it (root, or sudo that asks
# no password); where it has neither it says in one sentence what to install. A missing program never skips a test.
set -eu

has_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

has_database() {
    # A server to start for the tests, or the address of one that is there for them.
    [ -n "${PORTICO_TEST_POSTGRES_URL:-}" ] || command -v initdb || ls /usr/lib/postgresql/*/bin/initdb
}

has_font() {
    find /usr/share/fonts /usr/local/share/fonts "${HOME:-/root}/.local/share/fonts" \
        \( -name '*.ttf' -o -name '*.otf' \) -print 2>/dev/null | grep -q .
}

missing=
has_browser >/dev/null 2>&1 || missing="$missing chromium"
has_database >/dev/null 2>&1 || missing="$missing postgresql"
has_font || missing="$missing fonts-dejavu-core"
command -v oathtool >/dev/null 2>&1 || missing="$missing oathtool"
command -v zbarimg >/dev/null 2>&1 || missing="$missing zbar-tools"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    as_root=no
fi
if [ "$as_root" = no ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need programs that are not installed here; please install:$missing." >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1
}

echo "Installing$missing with apt-get; this is done once ..." >&2
# The word list is split on purpose: one argument per package.
# shellcheck disable=SC2086
if ! { apt update && apt install --no-install-recommends $missing; }; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install:$missing; its last words stand above." >&2
    exit 1
fi
