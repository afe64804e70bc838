"""Everything kept about a person, as one document they can take with them. docs/operating/export.md describes it.

Nothing that opens anything is in it: no hash, no token, no code. Lists that could grow without end are cut at
:data:`LIST_MAX`, and the document says so.
"""

import asyncio
import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from portico.accounts.model import Account, Picture
from portico.accounts.pictures import CONTENT_TYPE, Pictures
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind, RecordedEvent
from portico.audit.service import Audit
from portico.database.engine import Database
from portico.factors.methods import count_former_passwords, list_methods
from portico.factors.passkeys import devices
from portico.factors.passkeys.model import DeviceAnswer
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound
from portico.mail.model import MailRecord
from portico.mail.service import Mail
from portico.my_account.address.store import list_changes
from portico.my_account.step_up import prove_password
from portico.reminders.service import Reminders
from portico.sessions.model import KnownDevice, SignedIn
from portico.sessions.service import Sessions
from portico.signin.service import SignIn
from portico.signin.situation import Visitor

FORMAT = "portico-export"
VERSION = 1
LIST_MAX = 10_000


class ExportedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account itself."""

    id: str
    address: str
    address_confirmed_at: datetime | None
    handle: str
    handle_changed_at: datetime | None
    first_name: str
    last_name: str
    language: str
    time_zone: str
    state: str
    is_operator: bool
    created_at: datetime
    terms: str
    terms_accepted_at: datetime | None
    frozen_until: datetime | None
    delete_at: datetime | None


class ExportedPicture(msgspec.Struct, frozen=True, kw_only=True):
    """The profile picture; ``data`` is base64 (RFC 4648 section 4)."""

    content_type: str
    changed_at: datetime
    data: str


class ExportedMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way to sign in, without its secret; passkeys have a name."""

    kind: str
    added_at: datetime
    changed_at: datetime
    used_at: datetime | None
    through_mailbox: bool
    name: str


class ExportedTrust(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered on a device that was asked to be trusted, and the passkey that is used on it, by its name.

    ``device_id`` is the device's, where the account still knows it.
    """

    answer: str
    answered_at: datetime
    ask_again_at: datetime | None
    passkey: str | None
    device_id: str | None


class ExportedSession(msgspec.Struct, frozen=True, kw_only=True):
    """An open session."""

    id: str
    kind: str
    device_id: str
    opened_at: datetime
    last_seen_at: datetime


class ExportedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device the account knows."""

    id: str
    kind: str
    name: str
    first_signed_in_at: datetime
    last_signed_in_at: datetime


class ExportedAddressChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of address, on its way or over."""

    old_address: str
    new_address: str
    state: str
    device: str
    requested_at: datetime
    effective_at: datetime | None


class ExportedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, as the audit trail has it."""

    at: datetime
    kind: str
    by_oneself: bool
    session_id: str | None
    details: Mapping[str, str | int]


class ExportedName(msgspec.Struct, frozen=True, kw_only=True):
    """What one was called when something happened, as it is kept beside the audit trail."""

    name: str
    address: str
    known_at: datetime


class ExportedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that was sent or is waiting; what it said is not kept."""

    kind: str
    recipient: str
    queued_at: datetime
    status: str
    settled_at: datetime | None


class ExportedReminder(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder that a password was about to expire."""

    password_set_at: datetime
    expires_at: datetime
    days: int
    state: str
    created_at: datetime
    changed_at: datetime


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document; ``is_complete`` is false where a list was cut.

    ``former_passwords`` is how many are kept, as hashes, so that they are not used again.
    """

    format: str
    version: int
    exported_at: datetime
    is_complete: bool
    account: ExportedAccount
    picture: ExportedPicture | None
    sign_in_methods: list[ExportedMethod]
    default_method: str | None
    trusted_devices: list[ExportedTrust]
    former_passwords: int
    sessions: list[ExportedSession]
    devices: list[ExportedDevice]
    address_changes: list[ExportedAddressChange]
    history: list[ExportedEvent]
    names: list[ExportedName]
    mails: list[ExportedMail]
    password_reminders: list[ExportedReminder]


class OwnData:
    """The export of one's own data."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        pictures: Pictures,
        audit: Audit,
        mail: Mail,
        reminders: Reminders,
        sessions: Sessions,
        sign_in: SignIn,
        list_max: int = LIST_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._pictures = pictures
        self._audit = audit
        self._mail = mail
        self._reminders = reminders
        self._sessions = sessions
        self._sign_in = sign_in
        self._list_max = list_max

    async def export(self, visitor: Visitor, current_password: str) -> Export | Failure:
        """The document, or why the password was not good. Raises Throttled after too many wrong ones."""
        signed_in = visitor.signed_in
        if signed_in is None:
            raise NotFound("no session")
        failure = await prove_password(self._sign_in, self._clock, visitor, current_password)
        if failure is not None:
            return failure
        now = self._clock.now()
        await self._database.transact(lambda tx: self._audit.append(tx, now, _event(signed_in)))
        return await self._gather(signed_in.account.id, now)

    async def _gather(self, account_id: str, now: datetime) -> Export:
        database = self._database
        account = await self._accounts.find_account(database, account_id)
        if account is None:
            raise NotFound("the account is gone")
        picture = await self._pictures.find_picture(database, account_id)
        methods = await list_methods(database, account_id)
        sessions = await self._sessions.list_open(database, account_id, now)
        known = await self._sessions.list_devices(database, account_id, now)
        events = await self._audit.list_events(database, account_id, self._list_max + 1)
        mails = await self._mail.list_mails_of(database, account_id, self._list_max + 1)
        return Export(
            format=FORMAT,
            version=VERSION,
            exported_at=now,
            is_complete=max(len(events), len(mails)) <= self._list_max,
            account=_exported(account, ExportedAccount),
            picture=_picture(picture) if picture else None,
            sign_in_methods=[_exported(method, ExportedMethod) for method in methods],
            default_method=await devices.find_preferred(database, account_id),
            trusted_devices=[_trust(answer, known) for answer in await devices.list_devices(database, account_id)],
            former_passwords=await count_former_passwords(database, account_id),
            sessions=[_exported(session, ExportedSession) for session in sessions],
            devices=[_exported(device, ExportedDevice) for device in known],
            address_changes=[
                _exported(change, ExportedAddressChange) for change in await list_changes(database, account_id)
            ],
            history=[_exported_event(recorded, account_id) for recorded in events[: self._list_max]],
            names=[_exported(name, ExportedName) for name in await self._audit.list_names(database, account_id)],
            mails=[_mail(mail) for mail in mails[: self._list_max]],
            password_reminders=[
                _exported(reminder, ExportedReminder)
                for reminder in await self._reminders.list_of_account(account_id, self._list_max)
            ],
        )


def _exported_event(recorded: RecordedEvent, account_id: str) -> ExportedEvent:
    """What happened to an account, as its owner takes it along."""
    return ExportedEvent(
        at=recorded.at,
        kind=recorded.event.kind.value,
        by_oneself=recorded.event.actor_id == account_id,
        session_id=recorded.event.session_id,
        details=recorded.event.details,
    )


async def write_export(document: Export) -> bytes:
    """The document as an indented JSON file, UTF-8."""
    return await asyncio.to_thread(lambda: msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _exported(record: Any, shape: Any) -> Any:
    """The fields of a record that an exported one has too."""
    return shape(**{name: getattr(record, name) for name in shape.__struct_fields__})


def _trust(answer: DeviceAnswer, known: Iterable[KnownDevice]) -> ExportedTrust:
    return ExportedTrust(
        answer=answer.answer.value,
        answered_at=answer.answered_at,
        ask_again_at=answer.ask_again_at,
        passkey=answer.passkey,
        device_id=next((device.id for device in known if device.secret_hash == answer.device_hash), None),
    )


def _picture(picture: Picture) -> ExportedPicture:
    data = base64.b64encode(picture.image).decode("ascii")
    return ExportedPicture(content_type=CONTENT_TYPE, changed_at=picture.changed_at, data=data)


def _mail(mail: MailRecord) -> ExportedMail:
    return ExportedMail(
        kind=mail.kind,
        recipient=mail.recipient,
        queued_at=mail.created_at,
        status=mail.status.value,
        settled_at=mail.settled_at,
    )


def _event(signed_in: SignedIn) -> Event:
    account: Account = signed_in.account
    return Event(
        kind=EventKind.DATA_EXPORTED, subject_id=account.id, actor_id=account.id, session_id=signed_in.session.id
    )
