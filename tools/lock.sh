#!/bin/sh
# Writes requirements/*.txt anew: every package pinned, with the hashes of its published files.
#
# The locks name no address of an index, no folder and no link: whoever installs takes the files from wherever their own
# pip is set up to look, and the hashes say whether they are the right ones. Run it after changing the dependencies in
# pyproject.toml or requirements/*.in; `tools/lock.sh --upgrade` also moves everything else to its newest release.
set -eu
cd "$(dirname "$0")/.."

compile() {
    # Only published releases may end up in a lock, so nothing of this machine's own may be looked at.
    env -u UV_FIND_LINKS -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_CONFIG_FILE \
        .venv/bin/uv --no-config --quiet pip compile --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links \
        --custom-compile-command 'tools/lock.sh' "$@"
}

compile pyproject.toml --output-file requirements/run.txt ${1:+"$1"}
compile pyproject.toml requirements/test.in --constraints requirements/run.txt \
    --output-file requirements/test.txt ${1:+"$1"}
compile requirements/build.in --constraints requirements/test.txt --output-file requirements/build.txt ${1:+"$1"}
