"""SQL of a revision, written once as for PostgreSQL and spelt for the database at hand.

SQLite gets its own type names, STRICT tables (https://www.sqlite.org/stricttables.html), and no separate row number
in tables whose key is a hash or a pair: their rows are small, so one tree is quicker than two
(https://www.sqlite.org/withoutrowid.html). PostgreSQL gets texts that compare byte by byte, as SQLite's do: every
ORDER BY then means the same on both, and an upgrade of the operating system's collations breaks no index.
"""

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"--[^\n]*")
_KEY_IN_THE_ROW = re.compile(r"BYTEA PRIMARY KEY|PRIMARY KEY \(")
_SQLITE_TYPES = {"BIGINT": "INTEGER", "BYTEA": "BLOB"}


def list_statements(script: str, kind: str) -> Iterator[str]:
    """The statements of a script, one by one; ``kind`` is ``sqlite`` or ``postgresql``."""
    spell = _as_sqlite if kind == "sqlite" else _as_postgresql
    for statement in _COMMENT.sub("", script).split(";"):
        if statement.strip():
            yield spell(statement.strip())


def _as_postgresql(statement: str) -> str:
    return re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', statement)


def _as_sqlite(statement: str) -> str:
    spelt = re.sub(r"\b(BIGINT|BYTEA)\b", lambda found: _SQLITE_TYPES[found[0]], statement)
    if not statement.startswith("CREATE TABLE"):
        return spelt
    return f"{spelt} STRICT, WITHOUT ROWID" if _KEY_IN_THE_ROW.search(statement) else f"{spelt} STRICT"
