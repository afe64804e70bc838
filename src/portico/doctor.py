"""The doctor: looks at what a deployment is made of and leans on, and says of each thing what to mend."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from portico.database.engine import open_database
from portico.database.schema import check_schema
from portico.factors.breach_filter import BreachFilter
from portico.factors.hashing import IMPLEMENTATION, Argon2Parameters, Hasher
from portico.factors.screening import sha1_of
from portico.foundations import open_breach_service
from portico.house import House, open_house
from portico.kernel.clock import SystemClock
from portico.kernel.errors import Misconfigured, PorticoError
from portico.mail.transports import DeliveryFailed
from portico.settings import Settings

SLOW_HASH = timedelta(milliseconds=250)
_POLICY = {"accept": "accepted unchecked", "refuse": "refused"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. The sentence says what to mend where it is not well."""

    subject: str
    is_well: bool
    sentence: str


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; a fault in one place does not hide the others."""
    findings = [
        Finding("settings", is_well=True, sentence="read without a mistake"),
        _public_address(settings),
        _mail_settings(settings),
    ]
    findings.append(await _database(settings))
    if findings[-1].is_well:
        findings += await _inside(settings)
    findings.append(await _hashing(settings))
    findings.append(_breach_filter(settings))
    findings.append(await _breach_service(settings))
    return findings


def _public_address(settings: Settings) -> Finding:
    base = settings.base_url
    if base.is_local:
        sentence = f"{base.origin} is reached from this machine only: set base_url to the address people open"
        return Finding("public address", is_well=False, sentence=sentence)
    return Finding("public address", is_well=True, sentence=base.origin)


def _mail_settings(settings: Settings) -> Finding:
    if settings.mail_transport == "maildir":
        sentence = "mails go into a folder: set mail_transport to smtp"
        return Finding("mail settings", is_well=False, sentence=sentence)
    return Finding("mail settings", is_well=True, sentence=f"{settings.smtp_host}, {settings.smtp_security}")


async def _database(settings: Settings) -> Finding:
    try:
        if settings.is_embedded:
            settings.make_data_folder()
        database = await open_database(settings.database_url)
        try:
            check = await check_schema(database)
        finally:
            await database.close()
    except (PorticoError, OSError) as error:
        return Finding("database", is_well=False, sentence=f"it cannot be opened: {error}")
    is_well = check.state == "current" or (check.state == "empty" and settings.is_embedded)
    sentence = "empty; it is filled at the first start" if check.state == "empty" and is_well else check.sentence
    return Finding("database", is_well=is_well, sentence=sentence)


async def _inside(settings: Settings) -> list[Finding]:
    """What only an open house can tell."""
    try:
        house = await open_house(settings)
    except PorticoError as error:
        return [Finding("keys", is_well=False, sentence=str(error))]
    try:
        return [
            await _keys(house),
            _clock(house),
            await _mail(house),
        ]
    finally:
        await house.close()


async def _keys(house: House) -> Finding:
    """Whether the ring has every key that seals something for long."""
    file, counts = house.settings.sealing_keys_file, await house.resealing.count_by_key(house.database)
    missing = house.resealing.missing(counts)
    if missing:
        apps = sum(counts[name] for name in missing)
        sentence = (
            f"{', '.join(missing)} still seals something (authenticator apps: {apps}) and is not in {file}: "
            "put it back below the newest key, and restart"
        )
        return Finding("keys", is_well=False, sentence=sentence)
    return Finding("keys", is_well=True, sentence=f"{file}: keep a copy of it, apart from the backups")


def _clock(house: House) -> Finding:
    behind = house.clock.behind() if isinstance(house.clock, SystemClock) else timedelta(0)
    if behind > timedelta(seconds=1):
        sentence = (
            f"the machine's clock is {behind} behind what was told before: set it right (chrony or ntpd keeps it so)"
        )
        return Finding("clock", is_well=False, sentence=sentence)
    return Finding("clock", is_well=True, sentence=f"it is {house.clock.now():%Y-%m-%d %H:%M:%S} UTC")


async def _mail(house: House) -> Finding:
    try:
        await house.transport.check()
    except DeliveryFailed as failed:
        return Finding("mail server", is_well=False, sentence=f"it does not take mail: {failed.detail}")
    except PorticoError as error:
        return Finding("mail server", is_well=False, sentence=str(error))
    return Finding("mail server", is_well=True, sentence="it answers; portico send-test-mail tries the whole way")


async def _hashing(settings: Settings) -> Finding:
    """How long one password hash takes, and with what."""
    parameters = Argon2Parameters(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes)
    hasher = Hasher(parameters, threads=1)
    try:
        took = await _time(lambda: hasher.make_hash("how long does this take?"))
    finally:
        hasher.close()
    made_by = f"{IMPLEMENTATION}, {took.total_seconds() * 1000:.0f} ms a hash"
    if took > SLOW_HASH:
        return Finding(
            "hashing", is_well=False, sentence=f"{made_by}: slow; lower argon2_memory_kib, or use a faster machine"
        )
    if parameters.memory_kib < 19 * 1024:
        sentence = f"{made_by}: argon2_memory_kib is below 19456, which is too cheap for an attacker"
        return Finding("hashing", is_well=False, sentence=sentence)
    return Finding("hashing", is_well=True, sentence=made_by)


def _breach_filter(settings: Settings) -> Finding:
    """Whether the file of breached passwords is whole, to its last byte."""
    subject, path = "breached password filter", settings.breached_password_filter
    if path is None:
        return Finding(subject, is_well=True, sentence="none is set (breached_password_filter)")
    try:
        known = BreachFilter(path)
        known.check_entries()
    except Misconfigured as error:
        return Finding(subject, is_well=False, sentence=str(error))
    known.close()
    return Finding(subject, is_well=True, sentence=f"{path} is whole and knows {known.count:,} hashes")


async def _breach_service(settings: Settings) -> Finding:
    """Whether the breached-password service answers; asked about the commonest password there is."""
    subject = "breached password service"
    service = open_breach_service(settings)
    if service is None:
        return Finding(subject, is_well=True, sentence="none is set (breached_password_service)")
    started = time.perf_counter()
    try:
        answer = await service.find_count(sha1_of("password"))
    finally:
        await service.close()
    took = timedelta(seconds=time.perf_counter() - started)
    if isinstance(answer, str):
        sentence = f"{answer}; meanwhile new passwords are {_POLICY[settings.breached_password_service_down]}"
        return Finding(subject, is_well=False, sentence=sentence)
    if answer == 0:
        sentence = "it answers, but does not know the commonest password: is breached_password_service the right one?"
        return Finding(subject, is_well=False, sentence=sentence)
    return Finding(subject, is_well=True, sentence=f"it answers in {took.total_seconds() * 1000:.0f} ms")


async def _time(work: Callable[[], Awaitable[object]]) -> timedelta:
    started = time.perf_counter()
    await work()
    return timedelta(seconds=time.perf_counter() - started)
