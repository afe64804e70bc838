"""The pages of signing in and out: each step of the decision as HTML.

``POST /signin`` begins an attempt; ``/signin/<id>`` shows its present step and takes the answer to it. The forms carry
the step's version, so tabs, the back button and double clicks change nothing they should not.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.contract import PasskeyAnswer
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound, Throttled
from portico.kernel.messages import Message, message
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.sessions.door import SessionGate
from portico.sessions.model import SignedIn
from portico.signin.answer_pages import StepForm, read_answer, read_credential
from portico.signin.answers import Answer, CreateAccountAnswer, ResendAnswer
from portico.signin.attempt import AttemptState, ClientKind, Purpose
from portico.signin.door import Visitors
from portico.signin.form import FORM_LIFETIME, PURPOSE, SignInForm, decode_form, encode_form, spent_hash
from portico.signin.passkey_pages import FORM_OVER, PasskeyPages
from portico.signin.reasons import announcement, names, reminding, why_change
from portico.signin.second_factor_pages import SecondFactorPages
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation
from portico.signin.step_pages import FIRST, SHOWN, options_text, show_step, step_path, wait_seconds
from portico.signin.steps import (
    Announced,
    ChangePassword,
    CreateAccount,
    DeviceRegistered,
    Enrol,
    Finished,
    Identify,
    Prove,
    Refused,
    RefusedReason,
    RemindPassword,
    SaveRecoveryCode,
    TrustDevice,
    VerifyEmail,
)
from portico.web.body import Form
from portico.web.errors import with_retry_after
from portico.web.pages import Pages
from portico.web.return_to import own_path
from portico.web.routing import Access, Endpoint
from portico.web.templates import ShownPerson

HOME = "/account"
_GONE = frozenset({RefusedReason.ATTEMPT_OVER, RefusedReason.CONTINUED_ELSEWHERE, RefusedReason.INVITATION_OVER})


class IdentifyForm(Form, frozen=True, kw_only=True):
    """The identifier, or a passkey that names its owner; and the sealed value the form was shown with."""

    form: str = ""
    identifier: str = ""
    credential: str = ""


class SignInPages:
    """Signing in and out, in a browser."""

    def __init__(
        self,
        *,
        pages: Pages,
        visitors: Visitors,
        gate: SessionGate,
        sign_in: SignIn,
        clock: Clock,
        privacy_url: str = "",
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._gate = gate
        self._sign_in = sign_in
        self._clock = clock
        self._privacy_url = privacy_url
        self._second_factors = SecondFactorPages(pages, clock)
        self._passkeys = PasskeyPages(pages)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", "/", self.show_root, Access.ANYONE),
            Endpoint("GET", "/signin", self.show_identify, Access.ANYONE),
            Endpoint("POST", "/signin", self.begin, Access.ANYONE),
            Endpoint("GET", "/signin/{attempt_id}", self.show_step, Access.ATTEMPT_HOLDER),
            Endpoint("POST", "/signin/{attempt_id}", self.answer, Access.ATTEMPT_HOLDER),
            Endpoint("POST", "/signout", self.sign_out, Access.ANYONE),
            Endpoint("GET", "/signed-out", self.show_signed_out, Access.ANYONE),
        )

    async def show_root(self, request: Request) -> Response:
        """Lead to My Account, which leads to the sign-in where there is no session."""
        return self._pages.go(request, HOME)

    async def show_identify(self, request: Request) -> Response:
        """The first page; whoever is signed in is told so, and may sign out to use another account."""
        signed_in = await self._gate.find_signed_in(request)
        earlier = await self._visitors.find_attempt(request)
        return_to = earlier.return_to if earlier else own_path(request.query_params.get("return_to", ""))
        if signed_in is not None:
            return self._already(request, signed_in, return_to)
        return self._identify(request, return_to, earlier.identifier if earlier else "")

    async def begin(self, request: Request) -> Response:
        """Begin an attempt and lead to its first step."""
        form = await self._pages.read(request, IdentifyForm)
        sealed = decode_form(self._pages.unseal_form(request, form.form, PURPOSE), self._clock.now())
        identifier = one_line(form.identifier)
        beginning = Beginning(
            client_kind=ClientKind.BROWSER,
            identifier="" if form.credential else identifier,
            return_to=sealed.return_to if sealed else "",
            spends=spent_hash(form.form) if sealed else None,
            spent_until=sealed.expires_at if sealed else None,
        )
        if form.credential:
            return await self._begin_with_passkey(request, beginning, form.credential)
        failure = _identifier_failure(identifier)
        if failure is not None:
            values = {"identifier": identifier[:IDENTIFIER_MAX]}
            return self._back_to_identify(request, beginning, failure, field="identifier", values=values)
        situation = await self._sign_in.begin(beginning, await self._visitors.browser(request))
        return self._pages.go(request, f"/signin/{situation.attempt.id}")

    async def _begin_with_passkey(self, request: Request, beginning: Beginning, credential: str) -> Response:
        """Begin with who one is and the proof of it at once (D16); why it was not good is said on the first page."""
        if beginning.spends is None:
            return self._back_to_identify(request, beginning, FORM_OVER)
        visitor, made = await self._visitors.browser(request), read_credential(credential)
        stays = made.get("authenticatorAttachment") == "platform"  # whose phone answers may sit at another's machine
        answer = PasskeyAnswer(credential=made, stay_signed_in=stays)
        situation = await self._sign_in.begin_with_passkey(beginning, answer, visitor)
        if isinstance(situation.step, Finished) and situation.attempt.state is AttemptState.FINISHED:
            return self._finished(request, situation)
        if isinstance(situation.step, Identify):
            why = situation.attempt.failure
            return self._back_to_identify(request, beginning, Message(why.code, why.params) if why else FORM_OVER)
        return self._pages.go(request, f"/signin/{situation.attempt.id}")

    def _back_to_identify(
        self,
        request: Request,
        beginning: Beginning,
        failure: Message,
        *,
        field: str | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        """To the first page, which says what was not good."""
        response = self._pages.go(request, _signin_path(beginning.return_to))
        return self._pages.leave_notice(request, response, "/signin", failure=failure, field=field, values=values)

    async def show_step(self, request: Request) -> Response:
        """The present step of an attempt."""
        visitor = await self._visitors.browser(request)
        try:
            situation = await self._sign_in.look(request.path_params["attempt_id"], visitor)
        except NotFound:
            return await self._forgotten(request)
        return await self._render(request, situation)

    async def answer(self, request: Request) -> Response:
        """Take an answer; lead to the next step, or to where the person wanted to go."""
        form = await self._pages.read(request, StepForm)
        visitor = await self._visitors.browser(request)
        attempt_id = request.path_params["attempt_id"]
        answer = read_answer(form)
        try:
            situation = await self._sign_in.answer(attempt_id, form.version, answer, visitor)
        except NotFound:
            return await self._forgotten(request)
        if isinstance(situation.step, Finished):
            return self._finished(request, situation)
        if isinstance(situation.step, Refused) and situation.step.reason is RefusedReason.TOO_MANY_TRIES:
            return await self._render(request, situation)
        return self._lead_on(request, situation, answer, form)

    def _finished(self, request: Request, situation: Situation) -> Response:
        """To where the person wanted to go; with a session, if one was opened or goes on under another secret."""
        response = self._pages.go(request, situation.attempt.return_to or HOME)
        if situation.opened is not None and situation.opened.browser is not None:
            self._gate.keep(response, situation.opened.browser)
        if situation.attempt.purpose is Purpose.SIGN_UP:
            self._pages.leave_notice(request, response, HOME, said=message("signup.welcome"))
        change = situation.attempt.demands.change
        if change is not None:
            said = message(f"my_account.authenticator.{change.value}.done")
            self._pages.leave_notice(request, response, situation.attempt.return_to, said=said)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session on the server and in the browser. Without a session there is nothing to forge."""
        signed_in = await self._gate.find_signed_in(request)
        if signed_in is not None:
            await self._pages.read(request, Form, bound_to=signed_in.session.id)
            await self._sign_in.sign_out(signed_in)
        response = self._pages.go(request, "/signed-out")
        self._gate.forget(response)
        response.headers["clear-site-data"] = '"storage"'
        return response

    async def show_signed_out(self, request: Request) -> Response:
        """The page after signing out."""
        return self._pages.show(request, "signin/signed_out.html")

    def _lead_on(self, request: Request, situation: Situation, answer: Answer, form: StepForm) -> Response:
        """To the present step, which gives back what was typed and says what was done.

        Shown as before where the answer was not good, or a code was asked for.
        """
        path = f"/signin/{situation.attempt.id}"
        stays = situation.attempt.failure is not None or isinstance(answer, ResendAnswer)
        response = self._pages.go(request, step_path(situation.attempt.id, form.view if stays else ""))
        match answer:
            case CreateAccountAnswer() if situation.attempt.failure is not None:
                values = {"first_name": answer.first_name[:TYPED_NAME_MAX], "last_name": answer.last_name}
                values["accepts_terms"] = "yes" if answer.accepts_terms else ""
                return self._pages.leave_notice(request, response, path, values=values)
            case ResendAnswer() if situation.attempt.failure is None and form.resend != FIRST:
                return self._pages.leave_notice(request, response, path, said=message("verify_email.resent"))
        return response

    async def _render(self, request: Request, situation: Situation) -> Response:  # noqa: C901, PLR0911, PLR0912 - one for each
        """A step as a page."""
        attempt, step = situation.attempt, situation.step
        match step:
            case Identify():
                return self._identify(request, attempt.return_to, attempt.identifier)
            case Prove(kinds=kinds) if kinds[0] in SHOWN:
                return self._second_factors.show_prove(request, step, situation)
            case Prove():
                return show_step(
                    self._pages,
                    request,
                    "signin/prove_password.html",
                    situation,
                    identifier=attempt.identifier,
                    persistent=attempt.persistent,
                    passkey=options_text(situation.setup.passkey if situation.setup else None),
                )
            case VerifyEmail():
                return self._verify_email(request, step, situation)
            case CreateAccount():
                return self._create_account(request, step, situation)
            case Enrol():
                return await self._second_factors.show_enrol(request, step, situation)
            case SaveRecoveryCode():
                return self._second_factors.show_recovery_code(request, step, situation)
            case TrustDevice():
                return self._passkeys.show_trust(request, situation)
            case DeviceRegistered():
                return self._passkeys.show_registered(request, step, situation)
            case ChangePassword():
                return show_step(
                    self._pages,
                    request,
                    "signin/change_password.html",
                    situation,
                    identifier=attempt.identifier,
                    why=why_change(step),
                    asked=situation.criteria,
                )
            case Announced():
                return self._announced(request, step, situation)
            case RemindPassword():
                return self._reminder(request, step, situation)
            case Refused():
                return await self._refused(request, step, situation)
            case Finished():
                return show_step(self._pages, request, "signin/go_on.html", situation)
            case _:
                assert_never(step)

    def _announced(self, request: Request, step: Announced, situation: Situation) -> Response:
        return show_step(
            self._pages,
            request,
            "signin/announced.html",
            situation,
            what=announcement(step),
            kind=step.what.value,
            enforced_from=step.enforced_from,
        )

    def _reminder(self, request: Request, step: RemindPassword, situation: Situation) -> Response:
        return show_step(
            self._pages,
            request,
            "signin/reminder.html",
            situation,
            days=step.days,
            expires_at=step.expires_at,
            why=reminding(step),
        )

    def _verify_email(self, request: Request, step: VerifyEmail, situation: Situation) -> Response:
        return show_step(
            self._pages,
            request,
            "signin/verify_email.html",
            situation,
            address=step.address,
            why=step.why.value,
            asked_by=names(step.organizations),
            wait_seconds=wait_seconds(step.resend_at, self._clock.now()),
            notice=self._pages.find_notice(request).said_message(),
        )

    def _create_account(self, request: Request, step: CreateAccount, situation: Situation) -> Response:
        typed = self._pages.find_notice(request).values
        return show_step(
            self._pages,
            request,
            "signin/create_account.html",
            situation,
            identifier=step.address,
            terms_url=step.terms_url,
            privacy_url=self._privacy_url,
            first_name=typed.get("first_name", ""),
            last_name=typed.get("last_name", ""),
            accepts_terms=bool(typed.get("accepts_terms")),
            persistent=situation.attempt.persistent,
            asked=situation.criteria,
        )

    async def _refused(self, request: Request, step: Refused, situation: Situation) -> Response:
        """Why an attempt goes no further; an answer after the end meets whoever is signed in."""
        signed_in = await self._gate.find_signed_in(request)
        if step.reason is RefusedReason.ATTEMPT_OVER and signed_in is not None:
            return self._already(request, signed_in, situation.attempt.return_to)
        code = f"signin.refused.{step.reason.value}"
        params: dict[str, str | int] = {"organization": step.organization or ""}
        if step.until is not None:
            throttled = Throttled(max(step.until - self._clock.now(), timedelta(0)))
            params["count"] = -(-int(throttled.params["seconds"]) // 60)
            return with_retry_after(self._show_refusal(request, 429, code, params), throttled)
        return self._show_refusal(request, 410 if step.reason in _GONE else 403, code, params)

    async def _forgotten(self, request: Request) -> Response:
        """An attempt that is not there: swept since it was over, or never this browser's. A page left open tells so."""
        signed_in = await self._gate.find_signed_in(request)
        if signed_in is not None:
            return self._already(request, signed_in, "")
        return self._show_refusal(request, 404, f"signin.refused.{RefusedReason.ATTEMPT_OVER.value}", {})

    def _show_refusal(self, request: Request, status: int, code: str, params: Mapping[str, str | int]) -> Response:
        cannot_be_set_up = code.endswith(RefusedReason.NO_USABLE_FACTOR.value) and bool(params.get("organization"))
        return self._pages.show(
            request,
            "signin/refused.html",
            status=status,
            reason=Message(code, params),
            next=Message(f"{code}.by" if cannot_be_set_up else f"{code}.next", params),
        )

    def _identify(self, request: Request, return_to: str, identifier: str) -> Response:
        notice = self._pages.find_notice(request)
        form = SignInForm(return_to=return_to, expires_at=self._clock.now() + FORM_LIFETIME)
        sealed = self._pages.seal_form(request, encode_form(form), PURPOSE)
        return self._pages.show(
            request,
            "signin/identify.html",
            form=sealed,
            passkey=options_text(self._sign_in.ask_for_passkey(spent_hash(sealed))),
            identifier=notice.values.get("identifier", identifier),
            failure=notice.shown_failure(),
        )

    def _already(self, request: Request, signed_in: SignedIn, return_to: str) -> Response:
        person = ShownPerson.named(signed_in.account.name, signed_in.account.handle, signed_in.account.picture)
        return self._pages.show(
            request,
            "signin/already.html",
            bound_to=signed_in.session.id,
            name=person.name,
            continue_to=own_path(return_to) or HOME,
        )


def _identifier_failure(identifier: str) -> Message | None:
    """What is wrong with an identifier before anybody looks for its owner."""
    if not identifier:
        return message("signin.identifier.missing")
    return message("signin.identifier.too_long") if len(identifier) > IDENTIFIER_MAX else None


def _signin_path(return_to: str) -> str:
    return f"/signin?{urlencode({'return_to': return_to}, safe='/')}" if return_to else "/signin"
