#!/bin/sh
# Makes .venv what the locks say: `tools/environment.sh run` for the server alone, `test` for tests and tools as well.
#
# What was installed is stamped with a hash of the locks, so that the second time costs nothing. Also writes the build
# number that the server shows. Every make target that runs Python calls this first.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
want=${1:?run or test}
log=$venv/install.log

find_python() {
    # The first Python that is new enough and can make a virtual environment with pip in it.
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            python=$candidate
            "$candidate" -c "import ensurepip, venv" 2>/dev/null && return 0
        fi
    done
    return 1
}

say_what_is_missing() {
    # One sentence, whatever is missing.
    missing=
    if ! find_python && [ -n "${python:-}" ]; then
        missing="its venv module (Debian: apt-get install python3-venv)"
    elif [ -z "${python:-}" ]; then
        missing="Python 3.11 or newer (or name one: make PYTHON=/path/to/python3)"
    fi
    command -v git >/dev/null 2>&1 || missing="${missing:+$missing and }git"
    if [ -n "$missing" ]; then
        echo "Portico needs python3 3.11 or newer with its venv module, and git; missing here: $missing." >&2
        exit 1
    fi
}

write_build_number() {
    # How many commits this copy has behind it; a copy that is not a whole checkout keeps the number it came with.
    [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" = false ] || return 0
    [ "$(git rev-parse --show-toplevel)" = "$(pwd -P)" ] || return 0
    number=$(git rev-list --count HEAD 2>/dev/null) || return 0
    [ "$(cat src/portico/_build.txt 2>/dev/null)" = "$number" ] || echo "$number" >src/portico/_build.txt
}

stamp() {
    # What a finished installation depends on: the place, the locks and the package's own description.
    { pwd -P; cat pyproject.toml "requirements/$1.txt" requirements/build.txt; } | git hash-object --stdin
}

is_ready() {
    [ "$(cat "$venv/.portico-$1" 2>/dev/null)" = "$(stamp "$1")" ] && "$venv/bin/python" -c "import portico" 2>/dev/null
}

install() {
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$@" >>"$log" 2>&1 && return 0
    tail -n 20 "$log" >&2
    echo "Portico's Python packages could not be installed; the last lines of $log stand above." >&2
    exit 1
}

say_what_is_missing
write_build_number
if is_ready test || { [ "$want" = run ] && is_ready run; }; then
    exit 0
fi

echo "Setting up $venv from requirements/$want.txt; this is done once and takes a minute ..." >&2
"$venv/bin/python" -c "import pip" 2>/dev/null || "$python" -m venv --clear "$venv"
: >"$log"
rm -f "$venv/.portico-run" "$venv/.portico-test"
install --require-hashes -r "requirements/$want.txt" -r requirements/build.txt
install --no-deps --no-build-isolation --editable .
stamp "$want" >"$venv/.portico-$want"
