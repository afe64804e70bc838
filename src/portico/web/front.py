"""The outermost layer: one ASGI application around all doors.

It answers static files from memory, turns requests for another host away, finds the endpoint in the table, checks
where a form comes from, lets the gate admit the caller, and puts the same headers on every answer. A fault becomes a
page or a problem document here and nowhere else. It knows no feature.
"""

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput, InteractionRequired, NotFound, NotSignedIn, PorticoError
from portico.kernel.tokens import to_base64url
from portico.web.assets import STATIC_PREFIX, Assets
from portico.web.base_url import BaseUrl
from portico.web.csrf import Csrf
from portico.web.errors import ErrorPage, Problems, status_of, with_retry_after
from portico.web.headers import security_headers
from portico.web.routing import Endpoint, Found, Routes, WrongMethod, is_api

UNGUARDED_HOST = frozenset({"/healthz", "/readyz"})
"""Asked by load balancers and supervisors, which know us by address."""
PATH_MAX = 2048
_AS_WRITTEN = "!$%&'()*+,/:;=?@[]~"
"""What may stand in an address as it is, percent signs included (RFC 3986); a backslash may not."""
_FOREVER = "public, max-age=31536000, immutable"
_log = structlog.get_logger("portico.web")

Gate = Callable[[Request, Endpoint], Awaitable[None]]
Lifespan = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """The application a server runs."""

    def __init__(
        self,
        *,
        routes: Routes,
        assets: Assets,
        base_url: BaseUrl,
        csrf: Csrf,
        gate: Gate,
        chance: Chance,
        language: Callable[[Request], str],
        error_page: ErrorPage,
        problems: Problems,
        lifespan: Lifespan,
    ) -> None:
        self.routes = routes
        self._assets = assets
        self._base_url = base_url
        self._csrf = csrf
        self._gate = gate
        self._chance = chance
        self._language = language
        self._error_page = error_page
        self._problems = problems
        self._lifespan = lifespan
        self._headers = security_headers(base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        request.state.request_id = to_base64url(self._chance.draw_bytes(9))
        answer = await self._answer(request)
        await answer(scope, receive, self._with_headers(request, send))
        _log.info(
            "request",
            request_id=request.state.request_id,
            method=scope["method"],
            path=getattr(request.state, "endpoint_path", "unknown"),
            status=getattr(answer, "status_code", 0),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )

    async def _answer(self, request: Request) -> ASGIApp:
        try:
            return await self._dispatch(request)
        except PorticoError as error:
            if status_of(error) >= 500:
                _log.warning("fault", request_id=request.state.request_id, code=error.code, detail=str(error))
            return self._refuse(request, error)
        except Exception:  # noqa: BLE001 - the last resort: whatever it was, the person gets an answer and we a trace
            _log.exception("unexpected fault", request_id=request.state.request_id)
        try:
            return self._refuse(request, PorticoError())
        except Exception:  # noqa: BLE001 - not even the error page could be made
            _log.exception("the error page failed", request_id=request.state.request_id)
            return Response("Something went wrong. Please try again.", status_code=500, media_type="text/plain")

    async def _dispatch(self, request: Request) -> Response:
        path = request.scope["path"]
        if path.startswith(STATIC_PREFIX):
            return self._static(request, path)
        if path not in UNGUARDED_HOST and request.headers.get("host", "").lower() != self._base_url.host:
            return self._other_host(request)
        found = self.routes.find(request.method, path) if len(path) <= PATH_MAX else None
        if found is None:
            raise NotFound("no such path")
        if isinstance(found, WrongMethod):
            return self._wrong_method(request, found)
        endpoint = found.endpoint
        request.scope["path_params"] = dict(found.params)
        request.state.endpoint_path = endpoint.path
        request.state.is_api = endpoint.is_api
        if endpoint.is_api:
            self._csrf.refuse_foreign_origin(request)
        elif not endpoint.is_read:
            self._csrf.check_origin(request)
        await self._gate(request, endpoint)
        return await endpoint.handler(request)

    def _static(self, request: Request, path: str) -> Response:
        asset = self._assets.find(path)
        if asset is None:
            raise NotFound("no such file")
        if request.method not in ("GET", "HEAD"):
            return self._wrong_method(request, WrongMethod(("GET", "HEAD")))
        request.state.endpoint_path = STATIC_PREFIX
        return Response(asset.content, media_type=asset.content_type, headers={"cache-control": _FOREVER})

    def _other_host(self, request: Request) -> Response:
        """A page asked for under another name is led to ours; anything else is refused (rule 5)."""
        if request.method not in ("GET", "HEAD") or is_api(request.scope["path"]):
            raise BadInput("the request is for another host")
        asked = request.scope.get("raw_path", b"/").partition(b"?")[0], request.scope["query_string"]
        path, query = (quote(part, safe=_AS_WRITTEN) for part in asked)
        location = self._base_url.to("/" + path.lstrip("/") + (f"?{query}" if query else ""))
        return Response(status_code=307, headers={"location": location})

    def _wrong_method(self, request: Request, found: WrongMethod) -> Response:
        response = self._refuse(request, NotFound("not this way"), status=405)
        response.status_code = 405
        response.headers["allow"] = ", ".join(found.allowed)
        return response

    def _refuse(self, request: Request, error: PorticoError, status: int | None = None) -> Response:
        """A fault as an answer: a document for programs, a page for people, who are led to sign in where that helps."""
        path = request.scope["path"]
        if is_api(path):
            return self._problems.respond(error, self._language(request), request.state.request_id, status)
        if isinstance(error, NotSignedIn):
            return Response(status_code=303, headers={"location": path_back_from(request, "/signin")})
        if isinstance(error, InteractionRequired):
            return Response(status_code=303, headers={"location": self._to_renewal(request)})
        return with_retry_after(self._error_page(request, error), error)

    def _to_renewal(self, request: Request) -> str:
        """The page that says what is due; back to the page of a form that was not taken, which is told so."""
        path = request.scope["path"]
        if request.method in ("GET", "HEAD") or not isinstance(self.routes.find("GET", path), Found):
            return path_back_from(request, "/renew")
        return f"/renew?return_to={quote(path, safe='/')}&unsent=yes"

    def _with_headers(self, request: Request, send: Send) -> Send:
        """Add what every answer carries; a HEAD request gets the headers without the body."""
        is_head = request.method == "HEAD"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                names = {name for name, _ in headers}
                headers.extend(pair for pair in self._headers if pair[0] not in names)
                headers.append((b"x-request-id", request.state.request_id.encode()))
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        return send_with_headers


def path_back_from(request: Request, page: str) -> str:
    """The page to go to, and to come back from: to the one that was asked for, if it only shows something."""
    if request.method not in ("GET", "HEAD") or request.scope["path"] == "/":
        return page
    from_path: str = request.scope["path"]
    is_plain = from_path.isascii() and from_path.isprintable() and " " not in from_path
    return f"{page}?return_to={quote(from_path, safe='/')}" if is_plain else page
