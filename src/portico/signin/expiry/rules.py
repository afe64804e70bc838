"""When the password that a session was proven with expires, and how long an app goes on after that (D8). Pure."""

from datetime import datetime, timedelta

import msgspec

from portico.factors.proof import ProofKind
from portico.signin.facts import Facts


class UpdateDue(msgspec.Struct, frozen=True, kw_only=True):
    """A password has expired ``since`` an instant, and has to be changed ``until`` another.

    ``organizations`` ask for a new one every ``every_days`` days.
    """

    since: datetime
    until: datetime
    organizations: tuple[str, ...]
    every_days: int


def find_end(facts: Facts) -> datetime | None:
    """When the password that was proven expires; None where none was, or it never does."""
    person, max_age = facts.person, facts.policy.password.max_age
    used_it = any(proof.kind is ProofKind.PASSWORD for proof in facts.attempt.proofs)
    if person is None or person.password_set_at is None or max_age is None or not used_it:
        return None
    return person.password_set_at + max_age


def find_update_due(facts: Facts, grace: timedelta) -> UpdateDue | None:
    """That the password has expired, as long as an open session may go on all the same."""
    end, rule = find_end(facts), facts.policy.password
    if end is None or rule.max_age is None or not end <= facts.now < end + grace:
        return None
    return UpdateDue(
        since=end,
        until=end + grace,
        organizations=rule.max_age_asked_by,
        every_days=rule.max_age // timedelta(days=1),
    )


def with_grace(facts: Facts, grace: timedelta) -> Facts:
    """The facts as they are for an open session: its password is good for a while longer. All else is asked as ever."""
    rule = facts.policy.password
    if rule.max_age is None:
        return facts
    longer = msgspec.structs.replace(rule, max_age=rule.max_age + grace)
    return msgspec.structs.replace(facts, policy=msgspec.structs.replace(facts.policy, password=longer))
