"""Forgery protection: a POST of a form must come from one of our own pages.

Two checks, both needed. The browser says where a request comes from: ``Origin`` must be ours, and where it is missing
or ``null``, ``Sec-Fetch-Site`` must say ``same-origin``. And the form carries a token that only a page of ours for this
browser (and, when signed in, this session) could have carried: a keyed digest, so nothing is stored.
"""

from starlette.requests import Request

from portico.kernel.errors import ForeignRequest
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import from_base64url, to_base64url
from portico.web.base_url import BaseUrl

_PURPOSE = "form token"


class Csrf:
    """Makes and checks form tokens."""

    def __init__(self, keys: SealingKeys, base_url: BaseUrl) -> None:
        self._keys = keys
        self._origin = base_url.origin

    def token(self, binding: str) -> str:
        """The token for the forms of one browser, or of one session in it."""
        return to_base64url(self._keys.mac(binding.encode(), purpose=_PURPOSE))

    def check_token(self, token: str, binding: str) -> None:
        """Raises ForeignRequest unless ``token`` was made for ``binding``."""
        mac = from_base64url(token)
        if not mac or not self._keys.is_mac(mac, binding.encode(), purpose=_PURPOSE):
            raise ForeignRequest("the form token is missing or belongs to another browser or session")

    def check_origin(self, request: Request) -> None:
        """Raises ForeignRequest for a request that another site sent, or that cannot show it was not."""
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site")
        if origin is None or origin == "null":
            if site != "same-origin":
                raise ForeignRequest("neither Origin nor Sec-Fetch-Site shows that the request is our own")
        elif origin != self._origin:
            raise ForeignRequest("the request comes from another origin")

    def refuse_foreign_origin(self, request: Request) -> None:
        """Raises ForeignRequest where a browser says that another site is asking; programs say nothing."""
        if request.headers.get("origin", self._origin) != self._origin:
            raise ForeignRequest("the request comes from another origin")
