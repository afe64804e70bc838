"""Requests for mail: somebody typed an identifier, and a job finds out who is meant (D6).

Asking writes one row, the same for known and unknown identifiers, so that neither the answer nor its time tells who
exists. Each kind of request has one handler, which queues the mail, if any, in the transaction that takes the request
off the list.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import structlog

from portico.database.engine import Database, Transaction
from portico.kernel.clock import Clock
from portico.mail import store
from portico.mail.model import MailRequest

Handler: TypeAlias = Callable[[Transaction, MailRequest, datetime], Awaitable[None]]

_BATCH = 100
_log = structlog.get_logger("portico.mail")


class MailRequests:
    """Works on the requests that wait."""

    def __init__(self, database: Database, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        """``handlers``: who queues the mail, by the kind of request."""
        self._database = database
        self._clock = clock
        self._handlers = handlers

    async def queue_mails(self) -> int:
        """Work on the oldest requests; gives how many were dealt with. Run by a job, never by an answer.

        One that fails is told in the log and tried again next time; the others do not wait for it.
        """
        done = 0
        for request in await store.list_mail_requests(self._database, _BATCH):
            try:
                await self._queue_mail(request)
            except Exception:  # noqa: BLE001 - whatever it is, the others must not wait for it
                _log.exception("mail.request_failed", request=request.id, kind=request.kind)
            else:
                done += 1
        return done

    async def _queue_mail(self, request: MailRequest) -> None:
        now = self._clock.now()
        handler = self._handlers.get(request.kind)

        async def body(tx: Transaction) -> None:
            if not await store.spend_mail_request(tx, request.id):
                return
            if handler is None:
                _log.warning("mail.request_unknown", kind=request.kind)
                return
            await handler(tx, request, now)

        await self._database.transact(body)
