"""The rules of the decision, in the order in which they are asked; their names are the documentation.

A rule looks at the facts and gives a step, or None when it has nothing to ask. Rules read no clock and no database.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from portico.accounts.model import AccountState
from portico.factors.proof import ProofKind
from portico.reminders.rules import days_left
from portico.signin.attempt import Attempt, AttemptState, Mark, Purpose
from portico.signin.facts import ChangeReason, Facts, Policy
from portico.signin.second_factor.rules import (
    MAILBOX,
    RENEWAL_FRESH,
    before_enrolment,
    demands_on,
    find_code_to_save,
    find_device_to_name,
    find_device_to_trust,
    find_enrolment,
    has_unusable,
    is_change_barred,
    is_met,
    kinds_to_enrol,
    kinds_towards,
    needs_passkeys,
    prove_second,
)
from portico.signin.steps import (
    Announced,
    Announcement,
    ChangePassword,
    CreateAccount,
    Enrol,
    Identify,
    Prove,
    ProveReason,
    Refused,
    RefusedReason,
    RemindPassword,
    SaveReason,
    Step,
    VerifyEmail,
)

Rule: TypeAlias = Callable[[Facts], Step | None]


def attempt_over(facts: Facts) -> Step | None:
    """The attempt was finished, has expired, or was proven under another security epoch (D22).

    An attempt takes the epoch of its first proof, or of the attempt that handed it over. Before that it holds nothing
    worth ending, and ending it would tell a stranger that the name they typed belongs to somebody.
    """
    attempt, person = facts.attempt, facts.person
    has_epoch = bool(attempt.proofs) or attempt.purpose is Purpose.UPDATE_PASSWORD
    is_dead = has_epoch and person is not None and attempt.epoch != person.epoch
    is_over = attempt.state is not AttemptState.OPEN or facts.now >= attempt.expires_at
    return Refused(reason=RefusedReason.ATTEMPT_OVER) if is_over or is_dead else None


def too_many_tries(facts: Facts) -> Step | None:
    """No try is free (D20)."""
    if facts.blocked_until is None:
        return None
    return Refused(reason=RefusedReason.TOO_MANY_TRIES, until=facts.blocked_until)


def invitation_over(facts: Facts) -> Step | None:
    """There is nothing to accept any more.

    Where somebody has accepted, whoever is here shows first who they are, and members are then told that they are some;
    before that, nobody's name makes a difference.
    """
    attempt, invited = facts.attempt, facts.invited
    if attempt.purpose is not Purpose.ACCEPT_INVITATION:
        return None
    if invited is None:
        return Refused(reason=RefusedReason.INVITATION_OVER)
    is_taken = invited.invitation.accepted_at is not None
    may_be_theirs = is_taken and (invited.is_member or not attempt.proofs)
    if invited.is_open or may_be_theirs:
        return None
    return Refused(reason=RefusedReason.INVITATION_OVER, organization=invited.organization)


def nobody_named(facts: Facts) -> Step | None:
    """Nobody has said who they are, and no proof has."""
    attempt = facts.attempt
    names_itself = attempt.purpose is Purpose.RESET_PASSWORD
    is_named = bool(attempt.identifier) or attempt.account_id is not None or bool(attempt.proofs)
    return None if is_named or names_itself else Identify()


def first_proof_missing(facts: Facts) -> Step | None:
    """Nothing is proven yet. Asked alike of known and unknown people (D20); not of those who have no account yet.

    The link of an invitation confirms a mailbox; of an account that was there before it proves nothing.
    """
    attempt = facts.attempt
    if attempt.purpose is Purpose.SIGN_UP or (attempt.proofs and not _has_invitation_link_only(attempt)):
        return None
    if facts.attempt.purpose is Purpose.RESET_PASSWORD:
        return Prove(kinds=(ProofKind.MAILED_LINK,), why=ProveReason.FIRST)
    is_update = attempt.purpose is Purpose.UPDATE_PASSWORD  # whose page asks for the present password
    takes_passkeys = attempt.demands.passkeys and ProofKind.PASSKEY in facts.enrollable and not is_update
    passkey = (ProofKind.PASSKEY,) if takes_passkeys else ()
    return Prove(kinds=(ProofKind.PASSWORD, *passkey), why=ProveReason.FIRST)


def present_password_missing(facts: Facts) -> Step | None:
    """An app has proven its person, and has handed them over: the page asks for the present password itself (D26)."""
    attempt = facts.attempt
    is_given = any(proof.kind is ProofKind.PASSWORD for proof in attempt.proofs)
    if attempt.purpose is not Purpose.UPDATE_PASSWORD or is_given:
        return None
    return Prove(kinds=(ProofKind.PASSWORD,), why=ProveReason.FIRST)


def mailbox_not_confirmed(facts: Facts) -> Step | None:
    """Whoever signs up shows first that the mailbox is theirs; whether the address is taken changes nothing (D6)."""
    attempt = facts.attempt
    is_confirmed = any(proof.kind in MAILBOX for proof in attempt.proofs)
    if attempt.purpose is not Purpose.SIGN_UP or is_confirmed:
        return None
    return VerifyEmail(address=attempt.identifier, resend_at=facts.resend_at)


def account_missing(facts: Facts) -> Step | None:
    """The mailbox is confirmed, so there may be an account, and there is none yet."""
    attempt = facts.attempt
    signs_up = attempt.purpose is Purpose.SIGN_UP and Mark.ACCOUNT_CREATED not in attempt.marks
    accepts = facts.invited is not None and facts.invited.is_open and attempt.account_id is None
    if not signs_up and not accepts:
        return None
    return CreateAccount(address=attempt.identifier, terms_url=facts.terms.url if facts.terms else None)


def nobody_there(facts: Facts) -> Step | None:
    """Something is proven but the account is gone: it was deleted in the middle of the attempt."""
    return Refused(reason=RefusedReason.ATTEMPT_OVER) if facts.person is None else None


def second_class_missing(facts: Facts) -> Step | None:
    """More classes of proof are demanded than there are; where nothing could prove one yet, that is set up later."""
    for demand in demands_on(facts):
        if is_met(demand, facts):
            continue
        kinds = kinds_towards(demand, facts)
        if kinds:
            return prove_second(kinds, demand, facts)
        if has_unusable(demand, facts):
            return Refused(reason=RefusedReason.NEEDS_PASSKEYS, organization=demand.organization)
        if not kinds_to_enrol(demand, facts):
            is_elsewhere = needs_passkeys(demand, facts)
            reason = RefusedReason.NEEDS_PASSKEYS if is_elsewhere else RefusedReason.NO_USABLE_FACTOR
            return Refused(reason=reason, organization=demand.organization)
    return None


def account_closed_or_disabled(facts: Facts) -> Step | None:
    """Told only after all proofs the account has (D20)."""
    if facts.person is None or facts.person.state is AccountState.ACTIVE:
        return None
    is_closed = facts.person.state is AccountState.CLOSED
    return Refused(reason=RefusedReason.CLOSED if is_closed else RefusedReason.DISABLED)


def change_barred(facts: Facts) -> Step | None:
    """A freeze came between: nobody changes their factors now (D22). What is demanded of them they still set up."""
    return Refused(reason=RefusedReason.ATTEMPT_OVER) if is_change_barred(facts) else None


def invited_somebody_else(facts: Facts) -> Step | None:
    """Nobody joins with another account than the one that is invited, and nobody twice."""
    invited = facts.invited
    if invited is None:
        return None
    if not invited.is_theirs:
        return Refused(reason=RefusedReason.INVITED_ANOTHER, organization=invited.organization)
    if invited.is_member:
        return Refused(reason=RefusedReason.ALREADY_MEMBER, organization=invited.organization)
    return None


def factor_demanded(facts: Facts) -> Step | None:
    """A second factor is demanded or wished for, and there is none: it is set up, once the mailbox is proven (D12).

    Not in a reset, which is for one thing only: the next sign-in asks for the rest. Nor by a hand-off, which is over
    where that has come to be demanded: the app's own attempt leads there first.
    """
    purpose = facts.attempt.purpose
    enrol = None if purpose is Purpose.RESET_PASSWORD else find_enrolment(facts)
    if enrol and purpose is Purpose.UPDATE_PASSWORD:
        return Refused(reason=RefusedReason.ATTEMPT_OVER)
    return _once_fresh(enrol, facts) if enrol else None


def recovery_code_unsaved(facts: Facts) -> Step | None:
    """A second factor is set up, and no recovery code is kept for it (D14)."""
    code = find_code_to_save(facts)
    return code if code and code.why is not SaveReason.SPENT else None


def proofs_too_old(facts: Facts) -> Step | None:
    """The asking client wants a proof younger than any there is."""
    within = facts.attempt.demands.fresh_within
    if within is None or any(facts.now - proof.at <= within for proof in facts.attempt.proofs):
        return None
    if not facts.enrolled:
        return Refused(reason=RefusedReason.NO_USABLE_FACTOR)
    kinds = tuple(kind for kind in facts.enrolled if facts.attempt.demands.passkeys or kind is not ProofKind.PASSKEY)
    if not kinds:
        return Refused(reason=RefusedReason.NEEDS_PASSKEYS)
    return Prove(kinds=kinds, why=ProveReason.FRESH)


def new_password_asked(facts: Facts) -> Step | None:
    """The attempt is there for a new password, by a mailed link or a hand-off, and none has been chosen yet."""
    if Mark.PASSWORD_CHANGED in facts.attempt.marks:
        return None
    match facts.attempt.purpose:
        case Purpose.RESET_PASSWORD:
            return ChangePassword(why=ChangeReason.RESET)
        case Purpose.UPDATE_PASSWORD:
            return _due_change(facts) or ChangePassword(why=ChangeReason.WANTED)
        case _:
            return None


def password_must_change(facts: Facts) -> Step | None:
    """The password that was proven may not be kept. Whoever did not use it is not bothered."""
    is_stepping_up = facts.attempt.purpose is Purpose.STEP_UP  # perhaps to change it
    used_it = any(proof.kind is ProofKind.PASSWORD for proof in facts.attempt.proofs)
    change = None if is_stepping_up or not used_it else _due_change(facts)
    return _once_fresh(change, facts) if change else None


def recovery_code_spent(facts: Facts) -> Step | None:
    """The recovery code was used just now: another takes its place (D14)."""
    return find_code_to_save(facts)


def device_not_trusted(facts: Facts) -> Step | None:
    """The second factor could be this device from now on (D15)."""
    return find_device_to_trust(facts)


def device_not_named(facts: Facts) -> Step | None:
    """A passkey was made, and goes by the name that was proposed."""
    return find_device_to_name(facts)


def something_is_announced(facts: Facts) -> Step | None:
    """What organizations will ask is shown ahead, to be done now or put off (D10). A reset is over when it is over.

    No factor is set up ahead while "This was not me" bars changes (D22).
    """
    policy, attempt = facts.policy, facts.attempt
    is_elsewhere = attempt.purpose in (Purpose.STEP_UP, Purpose.RESET_PASSWORD) or not attempt.demands.interaction
    is_settled = Mark.ANNOUNCED_PUT_OFF in attempt.marks or Mark.PASSWORD_CHANGED in attempt.marks
    if policy.announced is None or policy.announced_from is None or is_elsewhere or is_settled:
        return None
    used_it = any(proof.kind is ProofKind.PASSWORD for proof in attempt.proofs)
    change = _announced_change(facts, policy.announced, policy.announced_from) if used_it else None
    then = msgspec.structs.replace(facts, policy=policy.announced, now=max(facts.now, policy.announced_from))
    is_barred = facts.person is not None and facts.person.is_frozen
    due = change or (None if is_barred else find_enrolment(then))
    if due is None:
        return None
    if Mark.ANNOUNCED_TAKEN in attempt.marks:
        return _once_fresh(due, then)
    what = Announcement.CHANGE_PASSWORD if isinstance(due, ChangePassword) else Announcement.ENROL
    return Announced(what=what, organizations=due.organizations, enforced_from=policy.announced_from)


def password_expires_soon(facts: Facts) -> Step | None:
    """The password that was proven has not long to live; to be changed now or put off for a day. At sign-in only."""
    attempt = facts.attempt
    signs_in = attempt.purpose in (Purpose.SIGN_IN, Purpose.ACCEPT_INVITATION) and not attempt.goes_on_with_session
    used_it = any(proof.kind is ProofKind.PASSWORD for proof in attempt.proofs)
    reminder = find_reminder(facts) if signs_in and used_it and attempt.demands.interaction else None
    if reminder is None or Mark.REMINDER_PUT_OFF in attempt.marks:
        return None
    if Mark.REMINDER_TAKEN in attempt.marks:
        return ChangePassword(
            why=ChangeReason.EXPIRES_SOON, organizations=reminder.organizations, days=reminder.every_days
        )
    return None if facts.reminder_rests else reminder


def find_reminder(facts: Facts) -> RemindPassword | None:
    """That the password expires soon, if it does and anybody wants its owner to be reminded."""
    person, rule = facts.person, facts.policy.password
    if person is None or person.password_set_at is None or rule.max_age is None or rule.remind_within is None:
        return None
    expires_at = person.password_set_at + rule.max_age
    if not timedelta(0) < expires_at - facts.now <= rule.remind_within:
        return None
    return RemindPassword(
        days=days_left(expires_at, facts.now),
        expires_at=expires_at,
        organizations=rule.max_age_asked_by,
        every_days=rule.max_age // timedelta(days=1),
    )


RULES: tuple[Rule, ...] = (
    attempt_over,
    too_many_tries,
    invitation_over,
    nobody_named,
    first_proof_missing,
    present_password_missing,
    mailbox_not_confirmed,
    account_missing,
    nobody_there,
    second_class_missing,
    account_closed_or_disabled,
    change_barred,
    invited_somebody_else,
    factor_demanded,
    recovery_code_unsaved,
    proofs_too_old,
    new_password_asked,
    password_must_change,
    recovery_code_spent,
    device_not_trusted,
    device_not_named,
    something_is_announced,
    password_expires_soon,
)


def _has_invitation_link_only(attempt: Attempt) -> bool:
    """Whether an account that was not made in this attempt is to join by nothing but its mailed link."""
    is_new = attempt.account_id is None or Mark.ACCOUNT_CREATED in attempt.marks
    if attempt.purpose is not Purpose.ACCEPT_INVITATION or is_new:
        return False
    return all(proof.kind is ProofKind.MAILED_LINK for proof in attempt.proofs)


def _due_change(facts: Facts) -> ChangePassword | None:
    """The change of password that is due by now, if one is."""
    person, rule = facts.person, facts.policy.password
    if person is None:
        return None
    if person.must_change_password is not None:
        return ChangePassword(why=person.must_change_password)
    if person.password_set_at is None:
        return None
    if rule.changed_since is not None and person.password_set_at < rule.changed_since:
        return ChangePassword(why=ChangeReason.ASKED, organizations=rule.changed_since_asked_by)
    if rule.max_age is not None and facts.now - person.password_set_at >= rule.max_age:
        days = rule.max_age // timedelta(days=1)
        return ChangePassword(why=ChangeReason.EXPIRED, organizations=rule.max_age_asked_by, days=days)
    return None


def _announced_change(facts: Facts, announced: Policy, since: datetime) -> ChangePassword | None:
    """The change of password that is due only because of what is announced, and that can be done ahead.

    What would be due by then anyway is no news; and where a password set today would be too old on the day, choosing
    one now does not help.
    """
    then = max(facts.now, since)
    person = facts.person
    if person is None or _due_change(msgspec.structs.replace(facts, now=then)) is not None:
        return None
    today = msgspec.structs.replace(person, password_set_at=facts.now, must_change_password=None)
    announcing = msgspec.structs.replace(facts, now=then, policy=announced)
    if _due_change(msgspec.structs.replace(announcing, person=today)) is not None:
        return None
    return _due_change(announcing)


def _once_fresh(due: ChangePassword | Enrol, facts: Facts) -> Step:
    """A session goes on from what was proven long ago; to change what one proves with takes a password from now.

    What was proven shortly before the attempt began counts all through it, so that a good proof never moves back.
    Whoever has no password has none to give.
    """
    attempt = facts.attempt
    since = attempt.created_at - RENEWAL_FRESH
    passwords = [proof for proof in attempt.proofs if proof.kind is ProofKind.PASSWORD]
    has_none = isinstance(due, Enrol) and ProofKind.PASSWORD not in facts.enrolled
    if not attempt.goes_on_with_session or has_none or any(proof.at >= since for proof in passwords):
        return before_enrolment(due, facts) if isinstance(due, Enrol) else due
    asking = due.organizations[0] if due.organizations else None
    return Prove(kinds=(ProofKind.PASSWORD,), why=ProveReason.FRESH, organization=asking)
