"""Faults as answers: a page for people, a problem document (RFC 9457) for programs.

The one place that knows statuses.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import (
    BadInput,
    Busy,
    Conflict,
    ForeignRequest,
    Misconfigured,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PorticoError,
    Throttled,
    TooLarge,
    TooSlow,
)
from portico.kernel.messages import Catalogues, Message

PROBLEM_TYPE = "application/problem+json"

STATUSES: dict[type[PorticoError], int] = {
    BadInput: 400,
    TooLarge: 413,
    TooSlow: 408,
    NotSignedIn: 401,
    NotAllowed: 403,
    ForeignRequest: 403,
    NotFound: 404,
    Conflict: 409,
    Throttled: 429,
    Busy: 503,
    Misconfigured: 500,
    PorticoError: 500,
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document: ``code`` and ``params`` for programs, ``title`` and ``detail`` for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    params: dict[str, str | int] = {}
    request_id: str = ""


def status_of(error: PorticoError) -> int:
    """The HTTP status for a fault: its class's, or that of the nearest class above."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def error_texts(error: PorticoError) -> tuple[Message, Message]:
    """What happened, and what to do next."""
    return Message(f"error.{error.code}", error.params), Message(f"error.{error.code}.next", error.params)


class Problems:
    """Makes problem documents."""

    def __init__(self, catalogues: Catalogues, reference: str) -> None:
        """``reference``: the address of the page that explains every code."""
        self._catalogues = catalogues
        self._reference = reference

    def respond(self, error: PorticoError, language: str, request_id: str, status: int | None = None) -> Response:
        """The answer to a program; ``status`` where it is another than the fault's own."""
        what, then = error_texts(error)
        problem = Problem(
            type=f"{self._reference}#{error.code}",
            title=self._catalogues.text(what, language),
            status=status or status_of(error),
            code=error.code,
            detail=self._catalogues.text(then, language),
            params=error.params,
            request_id=request_id,
        )
        return with_retry_after(
            Response(msgspec.json.encode(problem), status_code=problem.status, media_type=PROBLEM_TYPE), error
        )


def with_retry_after(response: Response, error: PorticoError) -> Response:
    """The answer, saying when to come back where the fault knows it (RFC 9110 section 10.2.3).

    After a sender that was too slow the connection is closed, for the rest may still be under way (section 15.5.9).
    """
    if isinstance(error, Throttled | Busy):
        response.headers["retry-after"] = str(error.params["seconds"])
    if isinstance(error, TooSlow):
        response.headers["connection"] = "close"
    return response


ErrorPage = Callable[[Request, PorticoError], Response]
