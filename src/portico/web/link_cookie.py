"""The token of a mailed link, once it was opened: in a short-lived cookie, so that it leaves the address at once.

Opening a link may be repeated as often as mail scanners like; the form that the person then sees is bound to the token
in the cookie, so that another link opened in the same browser is not burnt by it.
"""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.tokens import is_token, token_hash
from portico.web.pages import Pages


class LinkCookie:
    """Keeps the tokens of one kind of link."""

    def __init__(self, pages: Pages, name: str, lifetime: timedelta) -> None:
        self._cookies = pages.cookies
        self._name = name
        self._lifetime = lifetime

    def keep(self, response: Response, token: str) -> None:
        """Take the token of a link that was opened."""
        self._cookies.set(response, self._name, token, self._lifetime)

    def forget(self, response: Response) -> None:
        """Drop the token of a link that was used."""
        self._cookies.clear(response, self._name)

    def token(self, request: Request) -> str:
        """The token of the link opened last; empty if there is none."""
        token = self._cookies.find(request, self._name) or ""
        return token if is_token(token) else ""

    def binding(self, request: Request) -> str:
        """What the forms of that link are bound to."""
        return token_hash(self.token(request)).hex()
