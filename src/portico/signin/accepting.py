"""Accepting an invitation: looking at its link, and the beginning of the attempt that accepts it (D27).

Accepting is an attempt of its own purpose and runs through the same decision. Without an account the mailed link
confirms the mailbox, and an account is made; with one, the link proves nothing and its owner signs in; whoever is
signed in as that owner goes on with what the session has proven. Nobody joins with another account.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Database, Transaction
from portico.factors.contract import Judgement
from portico.kernel.clock import Clock
from portico.kernel.errors import NotAllowed, NotFound
from portico.kernel.masks import masked_address
from portico.organizations.invitations.acceptance import Acceptance, Offered
from portico.organizations.invitations.model import Invitation, InvitationState
from portico.sessions.model import SignedIn
from portico.signin.attempt import Attempt, Purpose
from portico.signin.joining import link_proof
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import Finished
from portico.signin.turns import with_proof


class InvitationGone(NotFound):
    """The invitation was accepted, revoked, has expired, waits, or was never ours; ``state`` says which."""

    code = "invitation_gone"


class InvitedAnother(NotAllowed):
    """Somebody else is invited. Sign out to go on as the person who is."""

    code = "invited_another"


class NextMove(StrEnum):
    """What whoever looks at an open invitation does to accept it."""

    CREATE_ACCOUNT = "create_account"
    SIGN_IN = "sign_in"
    CONFIRM = "confirm"
    SIGN_OUT = "sign_out"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is worth to this visitor. ``address`` is masked for everybody but its owner, signed in.

    ``has_joined``: it was for the visitor, who is signed in and belongs to the organization by now.
    """

    offered: Offered
    address: str = ""
    next_move: NextMove | None = None
    has_joined: bool = False


class Accepting:
    """Everything between the link of an invitation and its attempt."""

    def __init__(
        self, *, database: Database, clock: Clock, accounts: Accounts, acceptance: Acceptance, sign_in: SignIn
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._acceptance = acceptance
        self._sign_in = sign_in

    async def look(self, token: str, signed_in: SignedIn | None) -> Look:
        """What a link is worth, without using it: mail scanners open links too."""
        offered = await self._acceptance.look(self._database, token, self._clock.now())
        if offered.invitation is None:
            return Look(offered=offered)
        invitation = offered.invitation
        is_theirs = signed_in is not None and signed_in.account.address_key == invitation.address_key
        return Look(
            offered=offered,
            address=invitation.address if is_theirs else masked_address(invitation.address),
            next_move=await self._next_move(invitation, signed_in, is_theirs=is_theirs)
            if offered.state is InvitationState.OPEN
            else None,
            has_joined=await self._has_joined(offered, signed_in, is_theirs=is_theirs),
        )

    async def begin(self, token: str, beginning: Beginning, visitor: Visitor) -> Situation:
        """Begin to accept; who is signed in as the person invited may be done with it at once.

        Raises InvitationGone where there is nothing to accept, InvitedAnother for somebody else's session.
        """
        look = await self.look(token, visitor.signed_in)
        invitation, now = look.offered.invitation, self._clock.now()
        if invitation is None or look.next_move is None:
            raise InvitationGone(state=look.offered.state.value)
        if look.next_move is NextMove.SIGN_OUT:
            raise InvitedAnother
        attempt = self._attempt(invitation, beginning, visitor, now)
        if look.next_move is NextMove.CONFIRM and visitor.signed_in is not None:
            return await self._confirm(_of_session(attempt, visitor.signed_in), visitor, now)
        if look.next_move is NextMove.CREATE_ACCOUNT:
            proof = link_proof(invitation, now)
            named = msgspec.structs.replace(attempt, identifier=invitation.address)
            attempt = with_proof(named, proof, Judgement(proof=proof))
        else:
            account = await self._accounts.find_by_identifier(self._database, attempt.identifier)
            attempt = msgspec.structs.replace(attempt, account_id=account.id if account else None)
        await self._database.transact(lambda tx: self._sign_in.add_attempt(tx, beginning, attempt))
        return await self._sign_in.look(attempt.id, visitor)

    async def _confirm(self, attempt: Attempt, visitor: Visitor, now: datetime) -> Situation:
        """Decide at once about who has proven everything before; whatever is missing is asked for."""

        async def body(tx: Transaction) -> Situation:
            begun = await self._sign_in.add_attempt(tx, Beginning(client_kind=attempt.client_kind), attempt)
            return await self._sign_in.conclude(tx, begun, visitor, now)

        situation = await self._database.transact(body)
        return situation if isinstance(situation.step, Finished) else await self._sign_in.look(attempt.id, visitor)

    async def _next_move(self, invitation: Invitation, signed_in: SignedIn | None, *, is_theirs: bool) -> NextMove:
        if signed_in is not None:
            return NextMove.CONFIRM if is_theirs else NextMove.SIGN_OUT
        account: Account | None = await self._accounts.find_by_key(self._database, invitation.address_key)
        return NextMove.CREATE_ACCOUNT if account is None else NextMove.SIGN_IN

    async def _has_joined(self, offered: Offered, signed_in: SignedIn | None, *, is_theirs: bool) -> bool:
        if signed_in is None or offered.invitation is None:
            return False
        if not is_theirs and offered.invitation.accepted_by != signed_in.account.id:
            return False
        return await self._acceptance.find_membership(self._database, offered, signed_in.account.id) is not None

    def _attempt(self, invitation: Invitation, beginning: Beginning, visitor: Visitor, now: datetime) -> Attempt:
        begun = msgspec.structs.replace(beginning, purpose=Purpose.ACCEPT_INVITATION)
        attempt = self._sign_in.new_attempt(begun, visitor, now)
        return msgspec.structs.replace(attempt, invitation_id=invitation.id)


def _of_session(attempt: Attempt, signed_in: SignedIn) -> Attempt:
    """The attempt of somebody who is signed in: it goes on from what the session has proven, and keeps the session."""
    session = signed_in.session
    return msgspec.structs.replace(
        attempt,
        identifier=signed_in.account.address,
        account_id=session.account_id,
        epoch=session.epoch,
        proofs=session.proofs,
        persistent=session.persistent,
        session_id=session.id,
    )
