"""The sender against a real mail server on its good and its bad days."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

import portico
from portico.database.engine import Database, Transaction, open_database
from portico.kernel.brand import Brand
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Misconfigured
from portico.kernel.messages import PSEUDO, Catalogues
from portico.kernel.sealing import SealingKeys
from portico.mail import outbox
from portico.mail.maildir import MaildirTransport
from portico.mail.model import MailMessage, MailRecord, MailStatus, PasswordChanged, PasswordResetLink
from portico.mail.sender import Pace, Sender
from portico.mail.service import Mail
from portico.mail.smtp import SmtpSettings, SmtpTransport
from portico.mail.stationery import Stationery
from portico.mail.transports import DeliveryFailed, Transport
from tests.support.databases import KINDS, Kind, Templates, database_templates
from tests.support.mail_server import HOST, MailServer, mail_server

NOW = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TOKEN = "a-token-that-opens-an-account-0123456789-abc"
LINK = PasswordResetLink(handle="nora.north", link_token=TOKEN, expires_at=NOW + timedelta(hours=24))
NOTICE = PasswordChanged(handle="nora.north", at=NOW, how="reset")
SENDER = "no-reply@example.org"
QUICK = Pace(timeout=timedelta(seconds=30))

assert portico.__file__ is not None
LOCALE = Path(portico.__file__).parent / "locale"


@dataclass
class SetClock:
    """A clock that stands where the test puts it."""

    at: datetime = NOW

    def now(self) -> datetime:
        """Where it stands."""
        return self.at


class Office:
    """A mail room with everything around it."""

    def __init__(self, database: Database, transport: Transport, pace: Pace = QUICK) -> None:
        self.database = database
        self.clock = SetClock()
        self.mail = Mail(SealingKeys((bytes(32),)), SystemChance())
        stationery = Stationery(
            brand=Brand(),
            base_url="https://portico.example.org",
            from_address=SENDER,
            catalogues=Catalogues(LOCALE),
        )
        self.sender = Sender(
            database=database,
            mail=self.mail,
            stationery=stationery,
            transport=transport,
            clock=self.clock,
            chance=SystemChance(),
            pace=pace,
        )

    async def add(
        self, message: MailMessage = LINK, *, recipient: str = "nora@example.org", language: str = "en"
    ) -> str:
        """Queue a mail."""

        async def body(tx: Transaction) -> str:
            return await self.mail.add_mail(
                tx, self.clock.at, message, recipient=recipient, language=language, account_id="account-1"
            )

        return await self.database.transact(body)

    async def send(self, later: timedelta = timedelta(0)) -> int:
        """Let some time pass and send what is due."""
        self.clock.at += later
        return await self.sender.send_due(self.clock.at)

    async def record(self) -> MailRecord:
        """The only mail."""
        (record,) = await self.mail.list_mails(self.database)
        return record

    async def list_sealed(self) -> list[bytes | None]:
        """What is sealed in each mail."""
        return [row["sealed"] for row in await self.database.list_rows("SELECT sealed FROM outbox")]

    async def dump(self) -> str:
        """Everything in the outbox, as one text."""
        rows: list[Any] = await self.database.list_rows("SELECT * FROM outbox")
        return repr([tuple(row) for row in rows])


@pytest.fixture(scope="module")
def templates() -> Iterator[Templates]:
    """What fresh databases are copied from."""
    with database_templates() as made:
        yield made


@pytest.fixture
async def database(templates: Templates, tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh database."""
    async with templates.open("sqlite", tmp_path) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A server in the clear, on this machine."""
    with mail_server() as running:
        yield running


@pytest.fixture
def office(database: Database, server: MailServer) -> Office:
    """A mail room that sends to it."""
    return Office(database, smtp(server))


def settings(server: MailServer, **changes: Any) -> SmtpSettings:
    plain = SmtpSettings(host=HOST, port=server.port, security="none", timeout=timedelta(seconds=20))
    return replace(plain, **changes)


def smtp(server: MailServer, **changes: Any) -> SmtpTransport:
    return SmtpTransport(settings(server, **changes), from_address=SENDER)


async def test_a_mail_is_delivered_once(office: Office, server: MailServer) -> None:
    mail_id = await office.add()
    assert await office.sender.next_due_at() == NOW
    assert await office.send() == 1
    assert await office.send(later=timedelta(days=1)) == 0
    (received,) = server.received
    assert (received.sender, received.recipients) == (SENDER, ("nora@example.org",))
    assert received.mail["Message-ID"] == f"<{mail_id}@example.org>"
    assert received.mail["Date"].datetime == NOW
    assert f"https://portico.example.org/account/passwordreset/{TOKEN}" in received.text
    assert f'href="https://portico.example.org/account/passwordreset/{TOKEN}"' in received.html
    assert (await office.record()).status is MailStatus.DELIVERED
    assert await office.sender.next_due_at() is None


@pytest.mark.parametrize(("language", "subject"), [("de", "Ihr Passwort"), (PSEUDO, "[R\u00e9\u0161\u00e9t")])
async def test_mails_arrive_in_their_language(office: Office, server: MailServer, language: str, subject: str) -> None:
    await office.add(language=language)
    await office.send()
    (received,) = server.received
    assert received.mail["Subject"].startswith(subject)
    assert received.mail["Content-Language"] == language
    assert TOKEN in received.text


async def test_a_batch_goes_over_one_connection(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server), Pace(lanes=1))
    for number in range(5):
        await office.add(recipient=f"nora{number}@example.org")
    assert await office.send() == 5
    assert server.connections == 1
    assert sorted(received.recipients[0] for received in server.received) == [f"nora{n}@example.org" for n in range(5)]


async def test_no_more_lanes_are_used_than_allowed(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server), Pace(lanes=3))
    for _ in range(250):
        await office.add(NOTICE)
    assert await office.send() == 250
    assert len(server.received) == 250
    # Each list of due mails is worked off by up to three lanes, over the same connections.
    assert server.connections <= 3


async def test_a_connection_the_server_is_tired_of_is_replaced(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server), Pace(lanes=1))
    for _ in range(3):
        await office.add()
    server.refuse("mail", "421 too many mails on one connection", times=1, after=1)
    assert await office.send() == 3
    assert len(server.received) == 3
    assert server.connections == 2


async def test_a_server_that_is_down_delays_and_loses_nothing(office: Office, server: MailServer) -> None:
    server.stop()
    await office.add()
    await office.add(NOTICE)
    assert await office.send() == 0
    records = await office.mail.list_mails(office.database)
    assert [record.status for record in records] == [MailStatus.QUEUED] * 2
    assert sum(record.tries for record in records) <= 2
    next_due_at = await office.sender.next_due_at()
    assert next_due_at is not None
    assert next_due_at > NOW
    for _ in range(30):
        assert await office.send(later=timedelta(minutes=10)) == 0
    server.start()
    assert await office.send(later=timedelta(hours=2)) == 2
    assert len(server.received) == 2


async def test_while_the_server_is_down_the_others_are_spared_the_try(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server), Pace(lanes=1))
    server.stop()
    for _ in range(20):
        await office.add()
    await office.send()
    assert await office.send(later=timedelta(seconds=5)) == 0
    assert sum(record.tries for record in await office.mail.list_mails(database)) == 1
    server.start()
    due_at = await office.sender.next_due_at()
    assert due_at is not None
    assert timedelta(seconds=15) <= due_at - NOW < MINUTE
    assert await office.send(later=due_at - office.clock.at) == 19
    assert await office.send(later=2 * MINUTE) == 1


async def test_a_recipient_refused_for_good_is_a_dead_letter(office: Office, server: MailServer) -> None:
    server.refuse("rcpt", "550 5.1.1 no such user", times=1)
    await office.add()
    assert await office.send() == 0
    record = await office.record()
    assert (record.status, record.tries, record.last_error) == (MailStatus.DEAD, 1, "550 5.1.1 no such user")
    assert await office.list_sealed() == [None]
    assert await office.send(later=timedelta(days=2)) == 0
    assert server.received == []


async def test_one_refused_recipient_does_not_hold_up_the_others(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server), Pace(lanes=1))
    server.refuse("rcpt", "550 5.1.1 no such user", times=1)
    for _ in range(3):
        await office.add()
    assert await office.send() == 2
    assert server.connections == 1


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_a_passing_refusal_is_tried_again(office: Office, server: MailServer, stage: Any) -> None:
    server.refuse(stage, "451 4.7.1 greylisted, come back", times=1)
    await office.add()
    assert await office.send() == 0
    record = await office.record()
    assert (record.status, record.last_error) == (MailStatus.QUEUED, "451 4.7.1 greylisted, come back")
    assert NOW + MINUTE <= record.next_try_at <= NOW + 1.25 * MINUTE
    assert await office.send(later=MINUTE - timedelta(seconds=1)) == 0
    assert await office.send(later=MINUTE) == 1
    assert (await office.record()).tries == 2


@pytest.mark.parametrize("answer", ["550 5.7.1 we do not know this sender", "530 5.7.0 sign in first"])
async def test_what_is_wrong_with_us_is_no_reason_to_lose_a_mail(
    office: Office, server: MailServer, answer: str
) -> None:
    server.refuse("mail", answer)
    await office.add()
    assert await office.send() == 0
    assert (await office.record()).status is MailStatus.QUEUED
    server.recover()
    assert await office.send(later=2 * MINUTE) == 1


async def test_after_three_days_of_refusals_a_mail_is_dead(office: Office, server: MailServer) -> None:
    server.refuse("rcpt", "452 4.2.2 mailbox full")
    await office.add(NOTICE)
    tries = 0
    while (await office.record()).status is MailStatus.QUEUED:
        due_at = await office.sender.next_due_at()
        assert due_at is not None
        await office.send(later=due_at - office.clock.at)
        tries += 1
    assert timedelta(days=2, hours=22) < office.clock.at - NOW <= timedelta(days=3)
    assert 60 < tries < 90
    assert (await office.record()).status is MailStatus.DEAD


async def test_a_mail_that_would_be_dead_on_arrival_is_dropped(office: Office, server: MailServer) -> None:
    server.refuse("rcpt", "451 later")
    await office.add()
    await office.send()
    server.recover()
    with capture_logs() as logs:
        assert await office.send(later=timedelta(hours=24)) == 0
    record = await office.record()
    assert (record.status, record.settled_at) == (MailStatus.DROPPED, NOW + timedelta(hours=24))
    assert server.received == []
    assert [entry["event"] for entry in logs] == ["mail.dropped"]


async def test_a_link_that_cannot_be_delivered_in_time_loses_its_secret_at_its_end(
    office: Office, server: MailServer
) -> None:
    server.refuse("rcpt", "451 later")
    await office.add()
    while (due_at := await office.sender.next_due_at()) is not None:
        await office.send(later=due_at - office.clock.at)
    assert (await office.record()).settled_at == LINK.expires_at
    assert await office.list_sealed() == [None]


@pytest.mark.parametrize("stage", ["greeting", "mail", "rcpt", "data"])
async def test_a_server_that_hangs_costs_a_time_out_and_no_more(
    database: Database, server: MailServer, stage: Any
) -> None:
    office = Office(database, smtp(server), Pace(lanes=1, timeout=timedelta(milliseconds=300)))
    server.hang(stage)
    for _ in range(3):
        await office.add()
    async with asyncio.timeout(20):
        assert await office.send() == 0
    records = await office.mail.list_mails(database)
    assert [record.tries for record in records] == [0, 0, 1]
    assert records[-1].last_error == "the mail was not taken in time"
    server.recover()
    assert await office.send(later=2 * MINUTE) == 3


async def test_the_servers_own_time_out_is_no_reason_to_lose_a_mail(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server, timeout=timedelta(milliseconds=200)))
    server.hang("data", times=1)
    await office.add()
    assert await office.send() == 0
    assert (await office.record()).status is MailStatus.QUEUED
    assert await office.send(later=2 * MINUTE) == 1


async def test_whoever_calls_second_finds_the_work_done(office: Office, server: MailServer) -> None:
    for _ in range(5):
        await office.add()

    async def call() -> tuple[int, int]:
        return await office.send(), len(server.received)

    first, second = await asyncio.gather(call(), call())
    assert (first, second) == ((5, 5), (0, 5))


async def test_a_mail_whose_sender_died_comes_back_when_the_lease_ends(office: Office, server: MailServer) -> None:
    mail_id = await office.add()
    lease_ends_at = NOW + QUICK.lease
    assert await office.database.transact(lambda tx: outbox.claim_mail(tx, mail_id, NOW, lease_ends_at))
    # Here the process was killed.
    assert await office.send() == 0
    assert await office.sender.next_due_at() == lease_ends_at
    assert await office.send(later=QUICK.lease - timedelta(microseconds=1)) == 0
    assert await office.send(later=timedelta(microseconds=1)) == 1
    assert (await office.record()).tries == 2
    assert len(server.received) == 1


async def test_a_sender_stopped_in_the_middle_gives_the_mail_back(database: Database, server: MailServer) -> None:
    office = Office(database, smtp(server))
    server.hang("data", times=1)
    await office.add()
    sending = asyncio.create_task(office.send())
    await server.wait_until_it_hangs()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await office.send(later=QUICK.lease) == 1
    assert len(server.received) == 1


@asynccontextmanager
async def several(url: str, count: int) -> AsyncIterator[list[Database]]:
    """One database, opened as several processes would."""
    async with AsyncExitStack() as stack:
        databases = [await open_database(url) for _ in range(count)]
        for database in databases:
            stack.push_async_callback(database.close)
        yield databases


@pytest.mark.parametrize("kind", KINDS)
async def test_senders_side_by_side_never_deliver_a_mail_twice(
    templates: Templates, kind: Kind, server: MailServer, tmp_path: Path
) -> None:
    async with templates.url(kind, tmp_path) as url, several(url, 3) as databases:
        offices = [Office(database, smtp(server)) for database in databases]
        ids = {await offices[0].add(NOTICE) for _ in range(60)}
        sent = await asyncio.gather(*(office.send() for office in offices))
        assert sum(sent) == len(server.received) == 60
        assert {received.mail["Message-ID"] for received in server.received} == {f"<{i}@example.org>" for i in ids}


async def test_secrets_are_in_the_table_neither_before_nor_after_delivery(office: Office, server: MailServer) -> None:
    await office.add()
    assert TOKEN not in await office.dump()
    assert await office.list_sealed() != [None]
    await office.send()
    assert TOKEN not in await office.dump()
    assert await office.list_sealed() == [None]
    assert TOKEN in server.received[0].text


@pytest.mark.parametrize(
    "answer",
    [
        f"451 blocked: https://portico.example.org/account/passwordreset/{TOKEN}",
        f"451 blocked because of {TOKEN} (see policy)",
        f"451 blocked: PASSWORDRESET/{TOKEN[:30]}=",
    ],
)
async def test_a_server_that_quotes_a_link_does_not_make_us_keep_it(
    office: Office, server: MailServer, answer: str
) -> None:
    server.refuse("data", answer, times=1)
    await office.add()
    with capture_logs() as logs:
        await office.send()
        await office.send(later=2 * MINUTE)
    assert TOKEN[:20] not in await office.dump() + repr(logs)
    assert [entry["event"] for entry in logs] == ["mail.postponed", "mail.delivered"]


async def test_what_a_server_answers_is_kept_on_one_printable_line(office: Office, server: MailServer) -> None:
    server.refuse("rcpt", "451-first\r\n451 second\x07\x00 " + "long " * 200, times=1)
    await office.add()
    await office.send()
    error = (await office.record()).last_error
    assert error is not None
    assert error.startswith("451 first second long")
    assert error.isprintable()
    assert len(error) <= 300


async def test_a_mail_that_cannot_be_opened_is_dead_and_does_not_stop_the_others(
    office: Office, server: MailServer
) -> None:
    stranger = Office(office.database, smtp(server))
    stranger.mail = Mail(SealingKeys((bytes([9]) * 32,)), SystemChance())
    lost = await stranger.add()
    await office.add()
    assert await office.send() == 1
    statuses = {record.id: record.status for record in await office.mail.list_mails(office.database)}
    assert statuses.pop(lost) is MailStatus.DEAD
    assert list(statuses.values()) == [MailStatus.DELIVERED]


class Faulty:
    """A transport with a mistake in it."""

    async def deliver(self, _mail: object, _recipient: str) -> None:
        """Make the mistake."""
        raise RuntimeError(TOKEN)

    async def check(self) -> None:
        """Nothing."""

    async def rest(self) -> None:
        """Nothing."""


async def test_a_mistake_of_ours_delays_a_mail_and_tells_no_secret(database: Database) -> None:
    office = Office(database, Faulty())
    await office.add()
    assert await office.send() == 0
    record = await office.record()
    assert (record.status, record.last_error) == (MailStatus.QUEUED, "RuntimeError in deliver")


async def test_starttls_is_used_and_the_certificate_checked(database: Database, tmp_path: Path) -> None:
    with mail_server(tls="starttls", folder=tmp_path) as server:
        office = Office(database, smtp(server, security="starttls", ca_file=server.ca_file))
        await office.add()
        assert await office.send() == 1
        assert [received.encrypted for received in server.received] == [True]
        assert server.senders_in_clear == []


async def test_without_starttls_nothing_is_sent_and_the_mail_is_held(office: Office, server: MailServer) -> None:
    held = Office(office.database, smtp(server, security="starttls"))
    await held.add()
    assert await held.send() == 0
    record = await held.record()
    assert (record.status, record.tries) == (MailStatus.QUEUED, 1)
    assert "STARTTLS" in (record.last_error or "")
    assert server.received == []
    assert server.senders_in_clear == []


@pytest.mark.parametrize(("tls", "security"), [("starttls", "starttls"), ("implicit", "tls")])
async def test_a_certificate_nobody_vouches_for_holds_the_mail(
    database: Database, tmp_path: Path, tls: Any, security: Any
) -> None:
    with mail_server(tls=tls, folder=tmp_path) as server:
        office = Office(database, smtp(server, security=security))
        await office.add()
        assert await office.send() == 0
        record = await office.record()
        assert record.status is MailStatus.QUEUED
        assert re.search("certificate verify failed", record.last_error or "", re.IGNORECASE)
        assert server.received == []
        assert server.senders_in_clear == []


async def test_a_certificate_of_another_host_holds_the_mail(database: Database, tmp_path: Path) -> None:
    with mail_server(tls="implicit", folder=tmp_path) as server:
        transport = smtp(server, security="tls", ca_file=server.ca_file, host="127.0.0.2")
        with pytest.raises(DeliveryFailed):
            await transport.check()
        assert server.received == []


async def test_tls_from_the_first_byte(database: Database, tmp_path: Path) -> None:
    with mail_server(tls="implicit", folder=tmp_path) as server:
        office = Office(database, smtp(server, security="tls", ca_file=server.ca_file))
        await office.add()
        assert await office.send() == 1
        assert server.received[0].encrypted


async def test_signing_in_at_the_server(database: Database, tmp_path: Path) -> None:
    with mail_server(tls="starttls", folder=tmp_path, login=("portico", "hush")) as server:
        secure = {"security": "starttls", "ca_file": server.ca_file, "username": "portico"}
        wrong = Office(database, smtp(server, **secure, password="guess"))
        await wrong.add()
        assert await wrong.send() == 0
        assert (await wrong.record()).status is MailStatus.QUEUED
        right = Office(database, smtp(server, **secure, password="hush"))
        assert await right.send(later=2 * MINUTE) == 1
        assert server.received[0].login == "portico"
        assert "hush" not in await right.dump() + repr(settings(server, password="hush"))


@pytest.mark.parametrize("host", ["mail.example.org", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", ""])
def test_mail_in_the_clear_stays_on_this_machine(host: str) -> None:
    with pytest.raises(Misconfigured):
        SmtpTransport(SmtpSettings(host=host, port=25, security="none"), from_address=SENDER)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_on_this_machine_mail_may_be_in_the_clear(host: str) -> None:
    SmtpTransport(SmtpSettings(host=host, port=25, security="none"), from_address=SENDER)


def test_certificates_that_cannot_be_read_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        SmtpTransport(
            SmtpSettings(host="mail.example.org", port=587, ca_file=tmp_path / "nothing.pem"), from_address=SENDER
        )


async def test_addresses_beyond_ascii_reach_servers_that_know_them(office: Office, server: MailServer) -> None:
    await office.add(recipient="n\u00f6ra@b\u00fccher.example")
    assert await office.send() == 1
    (received,) = server.received
    assert received.recipients == ("n\u00f6ra@xn--bcher-kva.example",)
    assert received.mail["To"].addresses[0].addr_spec == "n\u00f6ra@xn--bcher-kva.example"


async def test_a_domain_beyond_ascii_reaches_any_server(database: Database) -> None:
    with mail_server(utf8=False) as server:
        office = Office(database, smtp(server))
        await office.add(recipient="nora@b\u00fccher.example")
        refused = await office.add(recipient="n\u00f6ra@example.org")
        assert await office.send() == 1
        assert server.received[0].recipients == ("nora@xn--bcher-kva.example",)
        statuses = {record.id: record.status for record in await office.mail.list_mails(database)}
        assert statuses[refused] is MailStatus.DEAD


async def test_a_test_mail_goes_out_at_once_or_says_what_is_wrong(office: Office, server: MailServer) -> None:
    await office.sender.send_test_mail("operator@example.org", "en")
    assert server.received[0].mail["Subject"] == "Test mail from Portico"
    with pytest.raises(DeliveryFailed, match="address"):
        await office.sender.send_test_mail("nobody", "en")
    server.refuse("rcpt", "550 5.7.1 relaying denied")
    with pytest.raises(DeliveryFailed, match="relaying denied") as refused:
        await office.sender.send_test_mail("operator@example.org", "en")
    assert refused.value.permanent
    server.stop()
    with pytest.raises(DeliveryFailed) as down:
        await office.sender.send_test_mail("operator@example.org", "en")
    assert down.value.concerns_all
    assert await office.mail.list_mails(office.database) == []


async def test_checking_sends_nothing(server: MailServer) -> None:
    await smtp(server).check()
    assert server.connections == 1
    assert server.received == []
    server.stop()
    with pytest.raises(DeliveryFailed):
        await smtp(server).check()


async def test_letters_lie_in_the_mail_folder(database: Database, tmp_path: Path) -> None:
    box = MaildirTransport(tmp_path / "data" / "mail")
    office = Office(database, box, Pace(lanes=8))
    await box.check()
    first = await office.add(recipient="N\u00f6ra@b\u00fccher.example", language="de")
    office.clock.at += MINUTE
    for _ in range(40):
        await office.add(NOTICE, recipient="piet@example.org")
    assert await office.send() == 41
    assert len(await box.list_letters()) == 41
    assert len(await box.list_letters("Piet@EXAMPLE.org")) == 40
    assert await box.list_letters("not an address") == []
    (letter,) = await box.list_letters("n\u00f6ra@b\u00fccher.example")
    assert (letter.id, letter.to) == (first, "N\u00f6ra@xn--bcher-kva.example")
    assert letter.subject == "Ihr Passwort f\u00fcr Portico zur\u00fccksetzen"
    assert letter.at == NOW + MINUTE
    assert TOKEN in letter.text
    assert f"/account/passwordreset/{TOKEN}" in letter.html
    assert await box.find_letter(first) == letter
    assert await box.find_letter("another") is None


async def test_letters_are_listed_newest_first(database: Database, tmp_path: Path) -> None:
    box = MaildirTransport(tmp_path / "mail")
    office = Office(database, box)
    ids = []
    for _ in range(3):
        ids.append(await office.add())
        await office.send(later=MINUTE)
    assert [letter.id for letter in await box.list_letters()] == ids[::-1]


async def test_a_mail_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    box = MaildirTransport(tmp_path / "mail")
    with pytest.raises(DeliveryFailed):
        await box.check()


@pytest.mark.parametrize(("lanes", "lease"), [(0, 120), (4, 60), (4, 10)])
def test_a_lease_outlasts_a_delivery(lanes: int, lease: int) -> None:
    with pytest.raises(ValueError, match="lease"):
        Pace(lanes=lanes, timeout=MINUTE, lease=timedelta(seconds=lease))


def test_it_works_on_the_loop_the_server_runs_on(tmp_path: Path, templates: Templates) -> None:
    async def tell() -> None:
        async with templates.open("sqlite", tmp_path) as database:
            with mail_server(tls="starttls", folder=tmp_path) as server:
                office = Office(database, smtp(server, security="starttls", ca_file=server.ca_file))
                await office.add()
                assert await office.send() == 1
                untrusting = Office(database, smtp(server, security="starttls"))
                await untrusting.add()
                assert await untrusting.send() == 0
                server.stop()
                assert await office.send(later=2 * MINUTE) == 0
                assert len(server.received) == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(tell())
