"""Requests for mail in the database. Imported by this feature and ``app`` only."""

from portico.database.engine import Reader, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.mail.model import MailRequest


async def add_mail_request(tx: Transaction, request: MailRequest) -> None:
    """Note that somebody asked for a mail."""
    await tx.execute(
        "INSERT INTO mail_requests (id, kind, identifier_key, language, requested_at, subject_id) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        request.id,
        request.kind,
        request.identifier_key,
        request.language,
        to_micros(request.requested_at),
        request.subject_id,
    )


async def list_mail_requests(reader: Reader, limit: int) -> list[MailRequest]:
    """The oldest requests that nobody has worked on."""
    sql = "SELECT id, kind, identifier_key, language, requested_at, subject_id FROM mail_requests ORDER BY id LIMIT $1"
    return [
        MailRequest(
            id=row["id"],
            kind=row["kind"],
            identifier_key=row["identifier_key"],
            language=row["language"],
            requested_at=from_micros(row["requested_at"]),
            subject_id=row["subject_id"],
        )
        for row in await reader.list_rows(sql, limit)
    ]


async def spend_mail_request(tx: Transaction, request_id: str) -> bool:
    """Take a request to work on it; False if another worker has."""
    return await tx.execute("DELETE FROM mail_requests WHERE id = $1", request_id) == 1


async def erase_requests(tx: Transaction, identifier_key: str) -> None:
    """Delete the requests that name an identifier."""
    await tx.execute("DELETE FROM mail_requests WHERE identifier_key = $1", identifier_key)
