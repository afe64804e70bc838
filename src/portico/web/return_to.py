"""Where to go after a sign-in: a path of ours, or nowhere. Pure."""

import re

RETURN_MAX = 1024
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~%!$&'()*+,;=:@/?]*")


def own_path(text: str) -> str:
    """``text`` if it can only mean a path on this host; else the empty string.

    Refused: other schemes and hosts, ``//host``, backslashes, control characters, fragments, anything over-long.
    """
    return text if len(text) <= RETURN_MAX and _PATH.fullmatch(text) else ""
