"""Cookies: the names, and the rules every one of them keeps.

All are HttpOnly, Path=/ and SameSite=Lax. Over https they are Secure and carry the ``__Host-`` prefix (RFC 6265bis
section 4.1.3.2), so that no neighbouring host can set them; over http, which exists for localhost only, they have plain
names. None holds anything but a random token, a sealed value or a language tag.
"""

from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

BROWSER = "browser"
"""Identifies the browser: attempts and forms are bound to it, devices recognised by it. Not a session."""
BROWSER_LIFETIME = timedelta(days=400)
SESSION = "session"
RESET_LINK = "reset_link"
"""The token of an opened reset link, kept out of the address."""
RESET_LINK_LIFETIME = timedelta(hours=1)
SECURITY_LINK = "security_link"
"""The token of an opened link of a security mail, likewise."""
SECURITY_LINK_LIFETIME = timedelta(hours=1)
INVITATION_LINK = "invitation_link"
"""The token of an opened invitation, likewise."""
INVITATION_LINK_LIFETIME = timedelta(hours=1)
SIGN_UP_LINK = "signup_link"
"""The token of an opened sign-up link, kept out of the address."""
SIGN_UP_LINK_LIFETIME = timedelta(hours=1)
HAND_OFF = "hand_off"
"""The token of an opened hand-off, likewise: for longer than it lives, so that its page can say that it is over."""
HAND_OFF_LIFETIME = timedelta(minutes=10)
NOTICE = "notice"
"""What to say on the page a form leads to; sealed, shown once."""
NOTICE_LIFETIME = timedelta(minutes=5)
LANGUAGE = "language"
LANGUAGE_LIFETIME = timedelta(days=400)


class Cookies:
    """Reads and writes cookies under the names of one deployment."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        self._prefix = "__Host-portico_" if is_secure else "portico_"

    def find(self, request: Request, name: str) -> str | None:
        """The value of a cookie; None if the browser sent none."""
        return request.cookies.get(self._prefix + name)

    def set(self, response: Response, name: str, value: str, lifetime: timedelta | None) -> None:
        """Keep a cookie for ``lifetime``, or with None until the browser is closed."""
        response.set_cookie(
            self._prefix + name,
            value,
            max_age=None if lifetime is None else int(lifetime.total_seconds()),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def set_until(self, response: Response, name: str, value: str, now: datetime, ends_at: datetime | None) -> None:
        """Keep a cookie until an instant, or with None until the browser is closed."""
        self.set(response, name, value, None if ends_at is None else ends_at - now)

    def clear(self, response: Response, name: str) -> None:
        """Make the browser forget a cookie."""
        response.delete_cookie(self._prefix + name, path="/", secure=self._is_secure, httponly=True, samesite="lax")
