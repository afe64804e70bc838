"""Asking a breached-password service by k-anonymity: the protocol of Have I Been Pwned's range search (D2).

``GET {base}/range/{PREFIX}`` with the first five hexadecimal digits of a password's SHA-1 is answered with the other 35
digits of every hash it knows that begins so, each with a colon and how often it was seen. With ``Add-Padding: true``
the answer has made-up lines that were seen 0 times, so that its length tells nothing. The service never learns the
password, its whole hash or whose it is.

This module brings in httpx and is imported only where a service is configured: docs/decisions/0004-lazy-imports.md.
"""

import asyncio
import re
from datetime import timedelta

import httpx

from portico.version import VERSION

PREFIX_DIGITS = 5
ANSWER_MAX_BYTES = 1 << 20
"""A padded answer has some 60 KiB."""
CONNECTIONS = 8
_LINE = re.compile(rb"([0-9A-Fa-f]{35}):(\d{1,18})")


class _Down(Exception):
    """The service did not answer in time, or with something else than an answer. Says what to look into."""


class BreachService:
    """One service, asked over connections that are kept."""

    def __init__(self, base: str, timeout: timedelta) -> None:
        """``base``: the address without ``/range``; ``timeout``: for one question as a whole."""
        self._base = base.rstrip("/")
        self._timeout = timeout.total_seconds()
        self._client = httpx.AsyncClient(
            headers={
                "Add-Padding": "true",
                "Accept": "text/plain",
                "Accept-Encoding": "identity",
                "User-Agent": f"Portico/{VERSION}",
            },
            follow_redirects=False,
            trust_env=False,
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    async def find_count(self, sha1: bytes) -> int | str:
        """How often the password with this SHA-1 was seen; in words what is wrong, if there is no answer."""
        digits = sha1.hex().upper()
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(digits[:PREFIX_DIGITS])
            return _count(answer, digits[PREFIX_DIGITS:].encode())
        except (TimeoutError, httpx.TimeoutException):
            return f"no answer within {self._timeout:g} s"
        except httpx.ConnectError as error:
            return f"it cannot be reached: {error}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"the connection broke: {type(error).__name__}"
        except _Down as down:
            return str(down)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def _ask(self, prefix: str) -> bytes:
        """The answer for a prefix, whole, unless it is none."""
        async with self._client.stream("GET", f"{self._base}/range/{prefix}") as response:
            if response.status_code != httpx.codes.OK:
                raise _Down(f"it answers {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _Down("its answer is packed, which was not asked for")
            answer = bytearray()
            async for piece in response.aiter_raw():
                answer += piece
                if len(answer) > ANSWER_MAX_BYTES:
                    raise _Down(f"its answer has more than {ANSWER_MAX_BYTES} bytes")
            return bytes(answer)


def _count(answer: bytes, wanted: bytes) -> int:
    """How often a hash is said to have been seen; whatever is not written by the protocol makes the whole no answer."""
    seen = 0
    for line in answer.split(b"\n"):
        text = line.strip()
        if not text:
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise _Down("its answer is not that of a range search")
        if found[1].upper() == wanted:
            seen = max(seen, int(found[2]))
    return seen
