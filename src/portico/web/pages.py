"""What every page door needs: the frame around a page, the browser's cookie, form tokens, redirects and notices."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.chance import Chance
from portico.kernel.clock import EPOCH, Clock
from portico.kernel.messages import Message
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import is_token, new_token, token_hash
from portico.web import cookies
from portico.web.base_url import BaseUrl
from portico.web.body import F, read_form, read_upload
from portico.web.cookies import Cookies
from portico.web.csrf import Csrf
from portico.web.language import NO_PREFERENCES, Preferences, find_language, negotiate_language, offered_languages
from portico.web.templates import Failure, Frame, ShownPerson, Templates

_NOTICE = "notice"
_NOTICE_MAX = 3000


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser: the secret of its cookie and the hash by which it is known."""

    token: str
    is_new: bool

    @property
    def hash(self) -> bytes:
        """What attempts and devices are bound to."""
        return token_hash(self.token)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a page should say when the form that led to it has been dealt with.

    ``values`` gives back what was typed, so that nothing is lost; never a secret.
    """

    path: str
    expires_at: datetime
    said: str = ""
    params: dict[str, str | int] = {}
    failure: str = ""
    failure_params: dict[str, str | int] = {}
    field: str = ""
    values: dict[str, str] = {}

    def said_message(self) -> Message | None:
        """The sentence to show, if there is one."""
        return Message(self.said, self.params) if self.said else None

    def shown_failure(self) -> Failure | None:
        """Why the form came back, if it did."""
        return shown_failure(Message(self.failure, self.failure_params), self.field) if self.failure else None


_NO_NOTICE = Notice(path="", expires_at=EPOCH)


def shown_failure(message: Message, field: str | None) -> Failure:
    """A failure as templates show it: at the head, and at its field."""
    return Failure(summary=message, fields={field: message} if field else {})


class Pages:
    """Shows pages and reads their forms."""

    def __init__(
        self,
        *,
        templates: Templates,
        languages: tuple[str, ...],
        base_url: BaseUrl,
        keys: SealingKeys,
        clock: Clock,
        chance: Chance,
        csrf: Csrf,
        is_development: bool,
    ) -> None:
        self._templates = templates
        self._languages = languages
        self._keys = keys
        self._clock = clock
        self._chance = chance
        self._csrf = csrf
        self._is_development = is_development
        self.base_url = base_url
        self.cookies = Cookies(is_secure=base_url.is_secure)

    def browser(self, request: Request) -> Browser:
        """The browser a request comes from; a new one is given its cookie with the page."""
        known: Browser | None = getattr(request.state, "browser", None)
        if known is None:
            token = self.cookies.find(request, cookies.BROWSER) or ""
            known = Browser(token, is_new=False) if is_token(token) else Browser(new_token(self._chance), is_new=True)
            request.state.browser = known
        return known

    def language(self, request: Request) -> str:
        """The language for a request.

        The one just picked, the one picked before in this browser, the one the person prefers, else what the browser
        asks for.
        """
        picked = request.query_params.get("language") or self.cookies.find(request, cookies.LANGUAGE) or ""
        if not find_language(offered_languages(self._languages, allows_pseudo=self._is_development), picked):
            picked = preferences_of(request).language
        return negotiate_language(
            self._languages,
            chosen=picked,
            accept_language=request.headers.get("accept-language", ""),
            allows_pseudo=self._is_development,
        )

    def show(
        self,
        request: Request,
        template: str,
        /,
        *,
        status: int = 200,
        person: ShownPerson | None = None,
        bound_to: str = "",
        **values: object,
    ) -> Response:
        """A page. ``bound_to`` binds its forms to a session or a link, and not only to the browser."""
        language = self.language(request)
        frame = Frame(
            language=language,
            languages=offered_languages(self._languages, allows_pseudo=self._is_development),
            path=_path_without_language(request),
            csrf=self._csrf.token(self._binding(request, bound_to)),
            person=person,
            development=self._is_development,
            time_zone=preferences_of(request).time_zone,
        )
        response = Response(
            self._templates.render(template, frame, status=status, **values),
            status_code=status,
            media_type="text/html; charset=utf-8",
        )
        response.headers["content-language"] = language
        self._keep_browser(request, response)
        self._keep_language(request, response)
        return response

    def go(self, request: Request, location: str) -> Response:
        """Lead on after a POST, or to where something has moved: always 303, always to a path of ours."""
        response = Response(status_code=303, headers={"location": location})
        self._keep_browser(request, response)
        return response

    async def read(self, request: Request, shape: type[F], *, bound_to: str = "") -> F:
        """A form of ours, checked to come from a page of ours for this browser and session."""
        form = await read_form(request, shape)
        self._csrf.check_token(form.csrf, self._binding(request, bound_to))
        return form

    async def read_upload(self, request: Request, name: str, size_max: int, *, bound_to: str = "") -> bytes:
        """The file in a form of ours, checked like any other form; empty if none was chosen."""
        fields, content = await read_upload(request, name, size_max)
        self._csrf.check_token(fields.get("csrf", ""), self._binding(request, bound_to))
        return content

    def forget_picked_language(self, response: Response) -> None:
        """Let what was picked in this browser give way to what the person prefers from now on."""
        self.cookies.clear(response, cookies.LANGUAGE)

    def leave_notice(
        self,
        request: Request,
        response: Response,
        path: str,
        *,
        said: Message | None = None,
        failure: Message | None = None,
        field: str | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        """Have the page at ``path`` say something, once."""
        notice = Notice(
            path=path,
            expires_at=self._clock.now() + cookies.NOTICE_LIFETIME,
            said=said.code if said else "",
            params=dict(said.params) if said else {},
            failure=failure.code if failure else "",
            failure_params=dict(failure.params) if failure else {},
            field=field or "",
            values=values or {},
        )
        sealed = self._keys.seal_text(
            msgspec.json.encode(notice), purpose=_NOTICE, context=self.browser(request).token, chance=self._chance
        )
        if len(sealed) <= _NOTICE_MAX:
            self.cookies.set(response, cookies.NOTICE, sealed, cookies.NOTICE_LIFETIME)
        return response

    def find_notice(self, request: Request) -> Notice:
        """What this page was asked to say; an empty notice if nothing."""
        path: str = request.scope["path"]
        sealed = self.cookies.find(request, cookies.NOTICE)
        if not sealed:
            return _NO_NOTICE
        plain = self._keys.unseal_text(sealed, purpose=_NOTICE, context=self.browser(request).token)
        notice = msgspec.json.decode(plain, type=Notice) if plain else _NO_NOTICE
        if notice.path != path or notice.expires_at <= self._clock.now():
            return _NO_NOTICE
        request.state.has_shown_notice = True
        return notice

    def seal_form(self, request: Request, plain: bytes, purpose: str) -> str:
        """A value for a hidden field, readable by us alone and only from this browser."""
        return self._keys.seal_text(plain, purpose=purpose, context=self.browser(request).token, chance=self._chance)

    def unseal_form(self, request: Request, sealed: str, purpose: str) -> bytes | None:
        """What :meth:`seal_form` sealed; None if it was altered or comes from another browser."""
        return self._keys.unseal_text(sealed, purpose=purpose, context=self.browser(request).token)

    def _binding(self, request: Request, bound_to: str) -> str:
        return f"{self.browser(request).token} {bound_to}"

    def _keep_browser(self, request: Request, response: Response) -> None:
        browser = self.browser(request)
        if browser.is_new:
            self.cookies.set(response, cookies.BROWSER, browser.token, cookies.BROWSER_LIFETIME)
        if getattr(request.state, "has_shown_notice", False):
            self.cookies.clear(response, cookies.NOTICE)

    def _keep_language(self, request: Request, response: Response) -> None:
        """Remember a language that was picked in the address."""
        picked = request.query_params.get("language")
        offered = offered_languages(self._languages, allows_pseudo=self._is_development)
        if picked and find_language(offered, picked):
            self.cookies.set(response, cookies.LANGUAGE, self.language(request), cookies.LANGUAGE_LIFETIME)


def preferences_of(request: Request) -> Preferences:
    """What the person at this request prefers, as the gate has found it out."""
    found: Preferences = getattr(request.state, "preferences", NO_PREFERENCES)
    return found


def _path_without_language(request: Request) -> str:
    """The address of a page, for the links that show it in another language; quoted, so that it can be no other."""
    path = quote(request.scope["path"])
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "language"]
    return path + (f"?{urlencode(kept)}" if kept else "")
