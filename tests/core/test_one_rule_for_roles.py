"""Who makes whom what: one rule, whether somebody is invited, changed, suspended or removed (D19, D27)."""

from portico.organizations.model import Role
from portico.organizations.rules import may_change, may_grant

MEMBER, SUPPORT, ADMIN, OWNER = Role


def test_owners_make_everybody_and_admins_support_and_members() -> None:  # D27
    granted = {(actor, role) for actor in Role for role in Role if may_grant(actor, role)}
    assert granted == {(OWNER, role) for role in Role} | {(ADMIN, MEMBER), (ADMIN, SUPPORT)}


def test_nobody_is_changed_into_or_out_of_what_one_may_not_give() -> None:  # D19, D27
    for actor in Role:
        for before in Role:
            for after in Role:
                both = may_grant(actor, before) and may_grant(actor, after)
                assert may_change(actor, before, after) is both, (actor, before, after)
