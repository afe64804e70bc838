"""Folding what is announced with what is in force: nothing gets looser, and who asks is told once (D9, D10)."""

from datetime import datetime

from hypothesis import given

from portico.organizations.model import Belonging
from portico.organizations.policies.standing import Standings, fold_all, list_askers
from portico.organizations.policies.store import StandingVersion
from portico.organizations.policy import NOTHING_ASKED
from tests.support.amounts import FEWER
from tests.support.generated_policies import instants, standings


@FEWER
@given(standings(), instants, instants)
def test_all_together_is_never_looser_than_any_day_to_come(  # D9, D10
    drawn: tuple[list[StandingVersion], list[Belonging]], one: datetime, other: datetime
) -> None:
    now, later = sorted((one, other))
    whole = fold_all(Standings().stand(*drawn, now).asks, NOTHING_ASKED)
    then = Standings().stand(*drawn, later).enforced
    assert whole.min_length.value >= then.min_length.value
    assert whole.composition.value or not then.composition.value


@FEWER
@given(standings(), instants)
def test_whoever_asks_is_named_once_with_the_first_day_of_it(  # D9, D10
    drawn: tuple[list[StandingVersion], list[Belonging]], now: datetime
) -> None:
    asks = Standings().stand(*drawn, now).asks
    length = fold_all(asks, NOTHING_ASKED).min_length
    if not length.organizations:
        return
    askers = {asker.organization: asker.since for asker in list_askers(asks, "min_length", length.value)}
    assert set(askers) == set(length.organizations)
    for name, since in askers.items():
        (ask,) = (ask for ask in asks if name in {one.organization for one in (ask.enforced, *ask.coming) if one})
        if since is None:
            assert ask.enforced is not None
            assert ask.enforced.fields.min_length == length.value
        else:
            assert ask.enforced is None or ask.enforced.fields.min_length != length.value
            assert since == min(one.since for one in ask.coming if one.fields.min_length == length.value)
