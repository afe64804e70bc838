"""The mail of an invitation: made by a job, once it was asked for. Here the link is drawn; only its hash is kept."""

from datetime import datetime

from portico.accounts.service import Accounts
from portico.database.engine import Transaction
from portico.kernel.chance import Chance
from portico.kernel.tokens import new_token, token_hash
from portico.mail.model import MailRequest, OrganizationInvitation
from portico.mail.service import Mail
from portico.organizations.invitations import store
from portico.organizations.invitations.acceptance import Acceptance
from portico.organizations.invitations.model import InvitationState


class InvitationMail:
    """Queues the mails of invitations."""

    def __init__(self, *, chance: Chance, accounts: Accounts, mail: Mail, acceptance: Acceptance) -> None:
        self._chance = chance
        self._accounts = accounts
        self._mail = mail
        self._acceptance = acceptance

    async def queue_mail(self, tx: Transaction, request: MailRequest, now: datetime) -> None:
        """Make an invitation's link and queue its mail, in the language of whoever reads it, if that is known.

        What is over by now, or belongs to a suspended organization, is not mailed: its link would arrive dead.
        """
        offered = await self._acceptance.find(tx, request.subject_id or "", now)
        invitation = offered.invitation
        if invitation is None or offered.state is not InvitationState.OPEN:
            return
        account = await self._accounts.find_by_key(tx, invitation.address_key)
        token = new_token(self._chance)
        message = OrganizationInvitation(
            organization=offered.organization,
            inviter=offered.inviter,
            member_type=invitation.member_type.value,
            role=invitation.role.value,
            handle=account.handle if account else "",
            link_token=token,
            expires_at=invitation.expires_at,
            time_zone=account.time_zone if account else "",
        )
        mail_id = await self._mail.add_mail(
            tx,
            now,
            message,
            recipient=account.address if account else invitation.address,
            language=(account.language if account else "") or invitation.language,
            account_id=account.id if account else None,
        )
        await store.note_mail(tx, invitation.id, token_hash(token), mail_id, now)
