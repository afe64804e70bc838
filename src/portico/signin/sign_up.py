"""Signing up: an address, its mailbox confirmed by a code or a link, then names and a password (S9, S53).

A sign-up is an attempt of its own purpose and runs through the same decision. This file holds what is its own: the
beginning, which asks for the first mail, and the mailed link, which takes the attempt over to the browser that opened
it. Whether the address is taken changes neither answer nor rows; only the mail says so.
"""

from collections.abc import Callable

import msgspec

from portico.database.engine import Database, Transaction
from portico.factors.contract import Judgement
from portico.factors.email_code import EmailCodeFactor, mailbox_proof
from portico.factors.mailed_link import LinkState
from portico.factors.proof import ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Conflict, NotAllowed, Throttled
from portico.kernel.normalise import address_key
from portico.signin import store
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Purpose
from portico.signin.codes import SIGN_UP, Codes
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.turns import with_proof
from portico.throttle.service import Throttle


class SignUpClosed(NotAllowed):
    """Nobody may make an account for themselves here."""

    code = "sign_up_closed"


class SignUpLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a mailed link is worth now; the address only while it lives."""

    state: LinkState
    address: str = ""


class SignUp:
    """Beginning a sign-up, and going on by its link."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        throttle: Throttle,
        codes: Codes,
        email_code: EmailCodeFactor,
        sign_in: SignIn,
        wake: Callable[[], None],
        is_open: bool = True,
    ) -> None:
        """``wake`` tells the job that works on requests for mail that there is one."""
        self._database = database
        self._clock = clock
        self._throttle = throttle
        self._codes = codes
        self._email_code = email_code
        self._sign_in = sign_in
        self._wake = wake
        self._is_open = is_open

    def require_open(self) -> None:
        """Raises SignUpClosed where people may not make accounts. A sign-up that has begun is finished."""
        if not self._is_open:
            raise SignUpClosed

    async def begin(self, beginning: Beginning, visitor: Visitor) -> Situation:
        """Start a sign-up for an address and ask for its mail.

        Raises BadInput for what is no address, Throttled when a network asks for too many mails, SignUpClosed.
        """
        self.require_open()
        now = self._clock.now()
        attempt = self._sign_in.new_attempt(msgspec.structs.replace(beginning, purpose=Purpose.SIGN_UP), visitor, now)
        if address_key(attempt.identifier) is None:
            raise BadInput("not an address", field="address")

        async def body(tx: Transaction) -> Attempt:
            begun = await self._sign_in.add_attempt(tx, beginning, attempt)
            if begun.id == attempt.id:
                refused = await self._throttle.take_mail_request(tx, now, visitor.network)
                if refused is not None:
                    raise Throttled(refused.until - now)
                await self._codes.request(tx, now, attempt, SIGN_UP)
            return begun

        begun = await self._database.transact(body)
        self._wake()
        return await self._sign_in.look(begun.id, visitor)

    async def open_link(self, token: str) -> SignUpLink:
        """What a link is worth, without using it: mail scanners open links too."""
        now = self._clock.now()
        state, attempt_id = await self._email_code.find_link(self._database, token, now)
        if state is not LinkState.LIVE:
            return SignUpLink(state=state)
        attempt = await store.find_attempt(self._database, attempt_id or "")
        if attempt is None or attempt.state is not AttemptState.OPEN or now >= attempt.expires_at:
            return SignUpLink(state=LinkState.EXPIRED)
        return SignUpLink(state=state, address=attempt.identifier)

    async def go_on(self, token: str, visitor: Visitor) -> Attempt | None:
        """Burn a link: the mailbox is confirmed, and the attempt goes on in this browser. None if it is worth nothing.

        Raises Conflict when an answer is given to the attempt at the same moment.
        """
        now = self._clock.now()

        async def body(tx: Transaction) -> Attempt | None:
            attempt_id = await self._email_code.spend_link(tx, token, now)
            attempt = await store.find_attempt(tx, attempt_id or "")
            if attempt is None or attempt.state is not AttemptState.OPEN or now >= attempt.expires_at:
                return None
            if not await store.claim_answer(tx, attempt):
                raise Conflict("the sign-up went on at the same moment")
            proof = mailbox_proof(ProofKind.MAILED_LINK, now, attempt.id)
            moved = _moved(with_proof(attempt, proof, Judgement(proof=proof)), visitor)
            await store.save_attempt(tx, moved)
            await store.move_attempt(tx, moved)
            return moved

        return await self._database.transact(body)


def _moved(attempt: Attempt, visitor: Visitor) -> Attempt:
    """The attempt in the hands of the browser that opened its link."""
    if attempt.holder_hash == visitor.holder_hash:
        return attempt
    return msgspec.structs.replace(
        attempt,
        client_kind=ClientKind.BROWSER,
        holder_hash=visitor.holder_hash,
        device_hash=visitor.device_hash,
        former_holder_hash=attempt.holder_hash,
    )
