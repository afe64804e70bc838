"""Makes the list of common passwords that comes with Portico: run it after a change of zxcvbn's version.

    python tools/common_passwords.py           writes
    python tools/common_passwords.py --check   changes nothing; fails if the list is not up to date

The list is the frequency list ``passwords`` of the package zxcvbn, sorted, one to a line. Only here is it needed.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from zxcvbn.frequency_lists import FREQUENCY_LISTS

TARGET = Path(__file__).resolve().parent.parent / "src" / "portico" / "factors" / "common_passwords.txt"

HEAD = """\
# Common passwords. Made by tools/common_passwords.py; do not edit.
#
# From zxcvbn {version} for Python, the frequency list "passwords", which came with zxcvbn by Dan Wheeler, Dropbox, Inc.
# Both are under the MIT License:
#
# Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc.
# Copyright (c) 2016 Daniel Wolf
#
# Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
# documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
# rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
# persons to whom the Software is furnished to do so, subject to the following conditions:
#
# The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
# Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
# WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
# COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
# OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

"""


def main(arguments: list[str]) -> int:
    """Write the list if it is missing or old; with --check only say so."""
    wanted = document()
    if TARGET.exists() and TARGET.read_bytes() == wanted:
        return 0
    print(f"{'not up to date' if '--check' in arguments else 'written'}: {TARGET.name}")
    if "--check" in arguments:
        return 1
    TARGET.write_bytes(wanted)
    return 0


def document() -> bytes:
    """What should stand in the file: the head, an empty line, and the passwords in the order of their bytes."""
    lines = sorted({password.strip().casefold().encode() for password in FREQUENCY_LISTS["passwords"]})
    return HEAD.format(version=version("zxcvbn")).encode() + b"".join(line + b"\n" for line in lines if line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
