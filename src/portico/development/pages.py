"""The development doors: who to sign in as, the mailbox, the clock. These endpoints exist in development mode only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.service import Accounts
from portico.admin.members_api import MEMBER
from portico.admin.people import Action
from portico.database.engine import Database
from portico.development.clock_control import advance
from portico.development.people import PEOPLE, DemoPerson
from portico.factors.contract import RecoveryCodeAnswer, Subject
from portico.factors.recovery_code import RecoveryCodeFactor
from portico.factors.totp import TotpFactor, code_at, secret_of
from portico.kernel.clock import SystemClock
from portico.kernel.errors import BadInput, NotFound
from portico.kernel.messages import message
from portico.mail.maildir import MaildirTransport, StoredLetter
from portico.signin.phones import Phones
from portico.web.body import read_json
from portico.web.headers import CONTENT_SECURITY_POLICY
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

MAILBOX = "/dev/mailbox"
_LOST = "elif@lakeside-clinic.example"
ADVANCE_MAX = 10 * 366 * 86400
_LETTER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


class AdvanceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many seconds the clock should run ahead, beyond what it does."""

    advance_seconds: int


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """What time it is for the server, and how far that is ahead."""

    now: datetime
    ahead_seconds: int


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
    """One mail."""

    id: str
    to: str
    subject: str
    sent_at: datetime
    text: str
    html: str


class MailboxView(msgspec.Struct, frozen=True, kw_only=True):
    """The mails, newest first."""

    mails: list[LetterView]


@dataclass(frozen=True, slots=True)
class ShownLetter:
    """One mail as the pages show it."""

    address: str
    html_address: str
    subject: str
    sender: str
    recipient: str
    sent_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class ShownDemoPerson:
    """One person on the first page."""

    name: str
    identifier: str
    password: str
    about: object
    code: str = ""
    """What their authenticator app shows now, if they have set one up or are about to."""
    recovery_code: str = ""
    """The one they began with, while it is good."""


class DevelopmentPages:
    """What makes the demo livable."""

    def __init__(
        self,
        *,
        pages: Pages,
        database: Database,
        clock: SystemClock,
        mailbox: MaildirTransport,
        sender: str,
        run_jobs: Callable[[], Awaitable[None]],
        accounts: Accounts,
        totp: TotpFactor,
        recovery_code: RecoveryCodeFactor,
        phones: Phones,
        data: Path,
    ) -> None:
        """``data`` is the folder of the demo, for whoever does something to it at the machine."""
        self._pages = pages
        self._database = database
        self._clock = clock
        self._mailbox = mailbox
        self._sender = sender
        self._run_jobs = run_jobs
        self._accounts = accounts
        self._totp = totp
        self._recovery_code = recovery_code
        self._phones = phones
        self._data = data

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", "/dev", self.show_index, Access.DEVELOPMENT),
            Endpoint("GET", MAILBOX, self.show_mailbox, Access.DEVELOPMENT),
            Endpoint("GET", MAILBOX + "/{letter_id}", self.show_letter, Access.DEVELOPMENT),
            Endpoint("GET", MAILBOX + "/{letter_id}/html", self.show_letter_html, Access.DEVELOPMENT),
            Endpoint("GET", "/dev/api/mailbox", self.list_letters, Access.DEVELOPMENT),
            Endpoint("POST", "/dev/api/clock", self.advance_clock, Access.DEVELOPMENT),
        )

    async def show_index(self, request: Request) -> Response:
        """Who there is to sign in as."""
        people = [await self._shown_person(person) for person in PEOPLE]
        return self._pages.show(
            request,
            "development/index.html",
            people=people,
            now=self._clock.now(),
            mailbox=MAILBOX,
            reset=f"POST {MEMBER}/{Action.RESET_MFA}",
            reset_command=f"PORTICO_DATA={self._data} .venv/bin/python -m portico accounts reset-mfa {_LOST}",
        )

    async def _shown_person(self, person: DemoPerson) -> ShownDemoPerson:
        account = await self._accounts.find_by_identifier(self._database, person.address)
        return ShownDemoPerson(
            person.name,
            person.address,
            person.password,
            message(person.about),
            await self._find_code(person, account.id) if account else "",
            await self._find_recovery_code(person, account.id) if account else "",
        )

    async def _find_code(self, person: DemoPerson, account_id: str) -> str:
        """What the phone of a demo person would show, by the phone's own clock, so that the demo needs none."""
        secret = await self._totp.find_secret(self._database, account_id)
        if secret is None:
            secret = secret_of(await self._phones.find_key(account_id))
        return code_at(secret, self._clock.now() + person.phone_off) if secret else ""

    async def _find_recovery_code(self, person: DemoPerson, account_id: str) -> str:
        """The code a demo person has kept; "" once it was used, or another one took its place."""
        answer = RecoveryCodeAnswer(code=person.recovery_code)
        judged = await self._recovery_code.judge(self._database, Subject(account_id), answer, self._clock.now)
        return person.recovery_code if judged.proof else ""

    async def show_mailbox(self, request: Request) -> Response:
        """All mails, newest first; whoever asks for a mail on the page before finds it here."""
        await self._run_jobs()
        letters = await self._mailbox.list_letters(request.query_params.get("to"))
        return self._pages.show(request, "development/mailbox.html", mails=[self._shown(letter) for letter in letters])

    async def show_letter(self, request: Request) -> Response:
        """One mail, as text and as the HTML a mail program would show."""
        letter = await self._get_letter(request)
        response = self._pages.show(request, "development/mail.html", mail=self._shown(letter), mailbox=MAILBOX)
        response.headers["content-security-policy"] = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
        return response

    async def show_letter_html(self, request: Request) -> Response:
        """The HTML part alone, in a frame that may do nothing but lead on."""
        letter = await self._get_letter(request)
        return Response(
            # Our pages are shown in no frame, so what the letter leads to takes the whole window.
            letter.html.replace("<head>", '<head><base target="_top">', 1),
            media_type="text/html; charset=utf-8",
            headers={
                "content-security-policy": f"{_LETTER_POLICY} allow-top-navigation-by-user-activation",
                "x-frame-options": "SAMEORIGIN",
            },
        )

    async def list_letters(self, request: Request) -> Response:
        """The mails to one address, for programs."""
        await self._run_jobs()
        letters = await self._mailbox.list_letters(request.query_params.get("to"))
        view = MailboxView(
            mails=[
                LetterView(
                    id=letter.id,
                    to=letter.to,
                    subject=letter.subject,
                    sent_at=letter.at,
                    text=letter.text,
                    html=letter.html,
                )
                for letter in letters
            ]
        )
        return json_response(view)

    async def advance_clock(self, request: Request) -> Response:
        """Let time pass; every job has run by the time this answers."""
        body: AdvanceBody = await read_json(request, AdvanceBody)
        if not 0 <= body.advance_seconds <= ADVANCE_MAX:
            raise BadInput("the clock goes forward, by ten years at most", field="advance_seconds")
        offset = await advance(self._database, self._clock, timedelta(seconds=body.advance_seconds))
        await self._run_jobs()
        return json_response(ClockView(now=self._clock.now(), ahead_seconds=int(offset.total_seconds())))

    async def _get_letter(self, request: Request) -> StoredLetter:
        letter = await self._mailbox.find_letter(request.path_params["letter_id"])
        if letter is None:
            raise NotFound("no such mail")
        return letter

    def _shown(self, letter: StoredLetter) -> ShownLetter:
        return ShownLetter(
            address=f"{MAILBOX}/{letter.id}",
            html_address=f"{MAILBOX}/{letter.id}/html",
            subject=letter.subject,
            sender=self._sender,
            recipient=letter.to,
            sent_at=letter.at,
            text=letter.text,
        )
