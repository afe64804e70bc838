"""The JSON API of operators: what became of each mail."""

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import BadInput, Busy, Conflict, NotAllowed, NotFound, NotSignedIn, TooLarge
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.kernel.tokens import is_id
from portico.mail.model import MailFate, MailRecord
from portico.operators.service import PAGE, REASON_MAX, MailOverview
from portico.sessions.door import SessionGate
from portico.web.body import read_json, read_query
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint

MAILS = "/api/v1/operator/mails"


class MailQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which mails: of one status, to one address, queued before the mail with this id."""

    status: MailFate | None = None
    recipient: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)] = ""
    before: Annotated[str, msgspec.Meta(max_length=36)] = ""


class MailView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mail. What it says is not here, nor what it opens."""

    id: str
    kind: str
    recipient: str
    language: str
    status: MailFate
    tries: int
    queued_at: datetime
    account_id: str | None = None
    next_try_at: datetime | None = None
    settled_at: datetime | None = None
    useless_at: datetime | None = None
    last_error: str | None = None
    bounced_at: datetime | None = None
    bounce: str | None = None


class MailsView(msgspec.Struct, frozen=True, kw_only=True):
    """Mails, newest first; ``before`` asks for those that follow, and is null where these are the last."""

    mails: list[MailView]
    before: str | None


class MailCountsView(msgspec.Struct, frozen=True, kw_only=True):
    """How many mails have come to what."""

    queued: int
    accepted: int
    deferred: int
    bounced: int
    dropped: int


class BounceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why the mail came back, in the mail system's words."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]


class OperatorApi:
    """The mail, for operators' programs."""

    def __init__(self, *, gate: SessionGate, overview: MailOverview) -> None:
        self._gate = gate
        self._overview = overview

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, NotAllowed, Busy)
        return (
            Endpoint(
                "GET", MAILS, self.list_mails, Access.OPERATOR, "What became of the mails, newest first.",
                query=MailQuery, output=MailsView, errors=(BadInput, *seen),
            ),
            Endpoint(
                "GET", f"{MAILS}/counts", self.count, Access.OPERATOR, "How many mails have come to what.",
                output=MailCountsView, errors=seen,
            ),
            Endpoint(
                "GET", MAILS + "/{mail_id}", self.show, Access.OPERATOR, "What became of one mail.",
                output=MailView, errors=(*seen, NotFound),
            ),
            Endpoint(
                "POST", MAILS + "/{mail_id}/bounced", self.report_bounce, Access.OPERATOR,
                "Report that an accepted mail came back. The first report stands.",
                body=BounceBody, output=MailView, errors=(BadInput, TooLarge, *seen, NotFound, Conflict),
            ),
        )  # fmt: skip

    async def list_mails(self, request: Request) -> Response:
        """A page of mails."""
        query: MailQuery = read_query(request, MailQuery)
        if query.before and not is_id(query.before):
            raise BadInput("not the id of a mail", field="before")
        mails = await self._overview.list_mails(
            fate=query.status, recipient=query.recipient, before_id=query.before or None
        )
        before = mails[-1].id if len(mails) == PAGE else None
        return json_response(MailsView(mails=[_view(mail) for mail in mails], before=before))

    async def count(self, _request: Request) -> Response:
        """How many mails have come to what."""
        counts = await self._overview.count_by_fate()
        return json_response(MailCountsView(**{fate.value: count for fate, count in counts.items()}))

    async def show(self, request: Request) -> Response:
        """One mail."""
        return json_response(_view(await self._overview.get_mail(request.path_params["mail_id"])))

    async def report_bounce(self, request: Request) -> Response:
        """Note that a mail came back."""
        body: BounceBody = await read_json(request, BounceBody)
        if not one_line(body.reason):
            raise BadInput("a reason is needed", field="reason")
        operator = await self._gate.get_signed_in(request)
        mail = await self._overview.report_bounce(operator, request.path_params["mail_id"], body.reason)
        return json_response(_view(mail))


def _view(mail: MailRecord) -> MailView:
    waits = mail.fate in {MailFate.QUEUED, MailFate.DEFERRED}
    return MailView(
        id=mail.id,
        kind=mail.kind,
        recipient=mail.recipient,
        language=mail.language,
        status=mail.fate,
        tries=mail.tries,
        queued_at=mail.created_at,
        account_id=mail.account_id,
        next_try_at=mail.next_try_at if waits else None,
        settled_at=mail.settled_at,
        useless_at=mail.useless_at,
        last_error=mail.last_error,
        bounced_at=mail.bounced_at,
        bounce=mail.bounce,
    )
