"""Importing people: line after line, in short transactions, from where it stopped.

Each transaction adds a few people and notes how far the file is done, so a process that is killed loses nothing and
doubles nobody, and a server may run beside it. The mailbox of each person counts as confirmed: whoever imports vouches
for it. Nobody is sent anything.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path

from portico.accounts.model import Account, AccountState
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.database.engine import Reader as DatabaseReader
from portico.factors.model import PasswordProperties
from portico.factors.password import NewPassword, PasswordFactor
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Conflict
from portico.people_import import store
from portico.people_import.lines import Line, measure, open_file, read_lines
from portico.people_import.model import LineReport, Progress, Verdict
from portico.people_import.people import Newcomer, Reader, Refusal
from portico.people_import.rehearsal import Seen, open_seen
from portico.people_import.report import ReportFile, require_other

BATCH = 100
"""Lines of one transaction: some tens of milliseconds, for which a server beside us may wait."""
_IMPORT_CHARACTERS = 16
"""Of the digest, in audit events."""


class _Rehearsed(Exception):
    """A dry run has come to the end of a batch: nothing went wrong, its transaction is taken back."""


class PeopleImport:
    """Moves people in."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        password: PasswordFactor,
        audit: Audit,
        languages: tuple[str, ...],
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._password = password
        self._audit = audit
        self._languages = languages

    async def run(
        self, path: Path, *, language: str = "", report: Path | None = None, watch: Callable[[int, int], None]
    ) -> tuple[Progress, bool]:
        """Import a file from where an earlier run stopped; all that became of it, and whether there was anything to do.

        ``watch`` is called with the bytes done and the bytes there are. Raises BadInput for a file or a language
        that cannot be used, Conflict while another process imports the same file.
        """
        reader = self._reader(language)
        require_other(report, path)
        with open_file(path) as stream:
            digest, size = measure(stream)
            progress = await self._begin(digest)
            if progress.finished_at is not None:
                return progress, False
            with ReportFile(report, progress.lines_done) as written:
                await self._catch_up(stream, reader, progress, written)
                lines = read_lines(stream, start=progress.bytes_done, done=progress.lines_done)
                watch(progress.bytes_done, size)
                while batch := list(islice(lines, BATCH)):
                    reports, progress = await self._add_batch(reader, batch, progress)
                    written.write(reports)
                    watch(progress.bytes_done, size)
            return await self._finish(progress), True

    async def rehearse(
        self, path: Path, *, language: str = "", report: Path | None = None, watch: Callable[[int, int], None]
    ) -> Progress:
        """Do as :meth:`run` would from the beginning of the file, and change nothing."""
        reader = self._reader(language)
        require_other(report, path)
        with open_file(path) as stream, ReportFile(report, 0) as written:
            digest, size = measure(stream)
            progress = Progress(digest=digest)
            lines = read_lines(stream)
            async with open_seen() as seen:
                while batch := list(islice(lines, BATCH)):
                    reports = await self._rehearse_batch(reader, batch, progress.digest, seen)
                    progress = progress.after(reports, batch[-1].end)
                    written.write(reports)
                    watch(progress.bytes_done, size)
            return progress

    def _reader(self, language: str) -> Reader:
        if language and language not in self._languages:
            raise BadInput(f"{language} is none of our languages: {', '.join(self._languages)}")
        return Reader(language, self._languages, self._clock.now())

    async def _begin(self, digest: str) -> Progress:
        now = self._clock.now()

        async def body(tx: Transaction) -> Progress:
            await store.begin(tx, digest, now)
            return await store.find_progress(tx, digest) or Progress(digest=digest)

        return await self._database.transact(body)

    async def _finish(self, progress: Progress) -> Progress:
        now = self._clock.now()
        if not await self._database.transact(lambda tx: store.finish(tx, progress, now)):
            raise _overtaken()
        return await store.find_progress(self._database, progress.digest) or progress

    async def _add_batch(
        self, reader: Reader, batch: list[Line], progress: Progress
    ) -> tuple[list[LineReport], Progress]:
        now = self._clock.now()
        people = [reader.read(line) for line in batch]

        async def body(tx: Transaction) -> tuple[list[LineReport], Progress]:
            reports = [await self._deal_with(tx, now, progress.digest, person) for person in people]
            after = progress.after(reports, batch[-1].end)
            if not await store.advance(tx, progress, after, now):
                raise _overtaken()
            return reports, after

        return await self._database.transact(body)

    async def _rehearse_batch(self, reader: Reader, batch: list[Line], digest: str, seen: Seen) -> list[LineReport]:
        """The same in a transaction that is taken back; ``seen`` stands for the batches before."""
        now = self._clock.now()
        people = [reader.read(line) for line in batch]
        keys = [key for person in people if isinstance(person, Newcomer) for key in _keys(person)]
        taken = await seen.find(keys)
        reports: list[LineReport] = []
        added: list[str] = []

        async def body(tx: Transaction) -> None:
            reports.clear()
            added.clear()
            for person in people:
                report = await self._find_double(tx, person, taken) or await self._deal_with(tx, now, digest, person)
                reports.append(report)
                if report.verdict is Verdict.ADDED and isinstance(person, Newcomer):
                    account = await self._accounts.find_by_key(tx, person.address_key)
                    added.extend((person.address_key, account.handle_key) if account else ())
            raise _Rehearsed

        try:
            await self._database.transact(body)
        except _Rehearsed:
            await seen.add(added)
        return reports

    async def _find_double(
        self, tx: Transaction, person: Newcomer | Refusal, taken: frozenset[str]
    ) -> LineReport | None:
        """What a dry run says of somebody whose address or Portico ID an earlier line would have taken."""
        if isinstance(person, Refusal) or taken.isdisjoint(_keys(person)):
            return None
        if person.address_key in taken:
            return LineReport(line=person.line, verdict=Verdict.REFUSED, code="address_doubled")
        if await self._accounts.find_by_key(tx, person.address_key) is not None:
            return None
        return LineReport(line=person.line, verdict=Verdict.REFUSED, code="handle_taken")

    async def _deal_with(self, tx: Transaction, now: datetime, digest: str, person: Newcomer | Refusal) -> LineReport:
        """What becomes of one line."""
        if isinstance(person, Refusal):
            return _refused(person)
        there = await self._accounts.find_by_key(tx, person.address_key)
        if there is not None:
            return await self._already_there(tx, digest, person, there)
        if person.handle_key and await self._accounts.find_by_key(tx, person.handle_key) is not None:
            return LineReport(line=person.line, verdict=Verdict.REFUSED, code="handle_taken")
        try:
            await self._move_in(tx, now, digest, person)
        except BadInput:
            return LineReport(line=person.line, verdict=Verdict.REFUSED, code="handle_impossible")
        except Conflict:  # somebody signed up with the address or the Portico ID at this very moment
            there = await self._accounts.find_by_key(tx, person.address_key)
            verdict, code = (Verdict.PRESENT, "") if there else (Verdict.REFUSED, "handle_taken")
            return LineReport(line=person.line, verdict=verdict, code=code)
        return LineReport(line=person.line, verdict=Verdict.ADDED)

    async def _move_in(self, tx: Transaction, now: datetime, digest: str, person: Newcomer) -> None:
        details: dict[str, str | int] = {"import": digest[:_IMPORT_CHARACTERS], "line": person.line}
        account = await self._accounts.add_account(
            tx,
            now,
            address=person.address,
            handle=person.handle_key,
            first_name=person.first_name,
            last_name=person.last_name,
            language=person.language,
            time_zone=person.time_zone,
            state=AccountState.DISABLED if person.is_disabled else AccountState.ACTIVE,
            created_at=person.created_at,
            recorded_as=Event(kind=EventKind.ACCOUNT_IMPORTED, details=details),
        )
        if person.secret is not None:
            new = NewPassword(secret=person.secret, set_at=person.password_changed_at)
            await self._password.set_password(tx, now, account.id, new, PasswordProperties())
            await self._password.import_former(tx, now, account.id, person.former_secrets)

    async def _already_there(
        self, reader: DatabaseReader, digest: str, person: Newcomer, account: Account
    ) -> LineReport:
        """Whether the account was there before, or another line of this file has brought it."""
        line = await self._find_origin(reader, digest, account)
        if line is None or line == person.line:
            return LineReport(line=person.line, verdict=Verdict.PRESENT)
        return LineReport(line=person.line, verdict=Verdict.REFUSED, code="address_doubled")

    async def _find_origin(self, reader: DatabaseReader, digest: str, account: Account) -> int | None:
        """The line of this file that brought an account; None if none has."""
        found = await self._audit.find_first(reader, account.id, EventKind.ACCOUNT_IMPORTED)
        if found is None or found.event.details.get("import") != digest[:_IMPORT_CHARACTERS]:
            return None
        return int(found.event.details["line"])

    async def _catch_up(self, stream: BufferedReader, reader: Reader, progress: Progress, written: ReportFile) -> None:
        """Report the lines that were dealt with before and that the report lacks: it is written after each commit."""
        lacking: Iterator[Line] = islice(read_lines(stream), written.kept, progress.lines_done)
        while batch := list(islice(lacking, BATCH)):
            written.write([await self._recall(progress.digest, reader.read(line)) for line in batch])

    async def _recall(self, digest: str, person: Newcomer | Refusal) -> LineReport:
        """What became of a line in an earlier run."""
        if isinstance(person, Refusal):
            return _refused(person)
        account = await self._accounts.find_by_key(self._database, person.address_key)
        if account is None:
            return LineReport(line=person.line, verdict=Verdict.REFUSED, code="handle_taken")
        if await self._find_origin(self._database, digest, account) == person.line:
            return LineReport(line=person.line, verdict=Verdict.ADDED)
        return await self._already_there(self._database, digest, person, account)


def _keys(person: Newcomer) -> tuple[str, ...]:
    return (person.address_key, person.handle_key) if person.handle_key else (person.address_key,)


def _refused(refusal: Refusal) -> LineReport:
    return LineReport(line=refusal.line, verdict=Verdict.REFUSED, code=refusal.code, detail=refusal.detail)


def _overtaken() -> Conflict:
    return Conflict("another process is importing the same file")
