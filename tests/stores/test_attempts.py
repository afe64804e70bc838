"""Attempts, spent values and requests for mail: kept whole on both databases, claimed and burnt by one statement."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec import structs

from portico.database.engine import Database, Transaction
from portico.factors.proof import Failure
from portico.kernel.errors import Conflict
from portico.mail import store as mail_store
from portico.mail.model import MailRequest
from portico.signin import store
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Demands, Mark, Purpose
from tests.support.amounts import FEW
from tests.support.generated_facts import attempts
from tests.support.racing import race
from tests.support.rows import DAY, MICROSECOND, NOW, PASSWORD_PROOF, SECOND, digest

PLAIN = Attempt(
    id="attempt-1",
    purpose=Purpose.SIGN_IN,
    client_kind=ClientKind.BROWSER,
    holder_hash=digest("holder"),
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
)
FULL = Attempt(
    id="attempt-2",
    purpose=Purpose.STEP_UP,
    client_kind=ClientKind.NATIVE,
    holder_hash=digest("ticket"),
    created_at=NOW + MICROSECOND,
    expires_at=NOW + DAY,
    device_hash=digest("device"),
    identifier="Zoë \U0001f6aa",
    account_id="account-nora",
    epoch=3,
    proofs=(PASSWORD_PROOF, PASSWORD_PROOF),
    marks=frozenset(Mark),
    demands=Demands(fresh_within=timedelta(minutes=5), interaction=False),
    return_to="/account?tab=sessions",
    persistent=False,
    failure=Failure(code="signin.password.wrong", params={"count": 2, "why": "wrong"}, field="password"),
    session_id="session-one",
    state=AttemptState.FINISHED,
    version=17,
    language="de",
)


async def add(database: Database, attempt: Attempt = PLAIN) -> None:
    await database.transact(lambda tx: store.add_attempt(tx, attempt))


@pytest.mark.parametrize("attempt", [PLAIN, FULL], ids=["plain", "full"])
async def test_an_attempt_comes_back_as_it_was_stored(database: Database, attempt: Attempt) -> None:
    await add(database, attempt)
    assert await store.find_attempt(database, attempt.id) == attempt
    assert await store.find_attempt(database, "another") is None


@given(attempt=attempts)
@settings(FEW, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_attempt_comes_back_as_it_was_stored(database: Database, attempt: Attempt) -> None:
    async def body(tx: Transaction) -> Attempt | None:
        await tx.execute("DELETE FROM attempts")
        await store.add_attempt(tx, attempt)
        return await store.find_attempt(tx, attempt.id)

    assert await database.transact(body) == attempt


async def test_an_attempt_has_an_id_of_its_own(database: Database) -> None:
    await add(database)
    with pytest.raises(Conflict):
        await add(database)


async def test_saving_writes_what_an_answer_may_change_and_nothing_else(database: Database) -> None:
    await add(database)
    await database.transact(lambda tx: store.save_attempt(tx, structs.replace(FULL, id=PLAIN.id)))
    kept = "id purpose client_kind holder_hash device_hash demands return_to version language created_at expires_at"
    expected = structs.replace(FULL, **{name: getattr(PLAIN, name) for name in kept.split()})
    assert await store.find_attempt(database, PLAIN.id) == expected


async def test_a_turn_is_claimed_at_the_version_that_was_seen_and_once(database: Database) -> None:
    await add(database)
    assert await database.transact(lambda tx: store.claim_answer(tx, PLAIN))
    assert not await database.transact(lambda tx: store.claim_answer(tx, PLAIN))
    assert await store.find_attempt(database, PLAIN.id) == structs.replace(PLAIN, version=2)
    assert await database.transact(lambda tx: store.claim_answer(tx, structs.replace(PLAIN, version=2)))


async def test_a_finished_attempt_takes_no_answer(database: Database) -> None:
    await add(database, FULL)
    assert not await database.transact(lambda tx: store.claim_answer(tx, FULL))


async def test_of_fifty_answers_to_one_version_one_is_taken(
    database: Database, race_width: int, race_rounds: int
) -> None:
    await add(database)
    for version in range(1, race_rounds + 1):
        seen = structs.replace(PLAIN, version=version)

        async def body(tx: Transaction, who: int, seen: Attempt = seen) -> bool:
            if not await store.claim_answer(tx, seen):
                return False
            await store.save_attempt(tx, structs.replace(seen, identifier=str(who)))
            return True

        results = await race(database, race_width, body)
        assert sorted(results) == [False] * (race_width - 1) + [True]
        found = await store.find_attempt(database, PLAIN.id)
        assert found == structs.replace(PLAIN, version=version + 1, identifier=str(results.index(True)))


async def test_a_spent_value_leads_to_what_it_was_spent_for(database: Database) -> None:
    assert await store.find_spent(database, digest("form")) is None
    assert await database.transact(lambda tx: store.spend(tx, digest("form"), "attempt-1", NOW))
    assert not await database.transact(lambda tx: store.spend(tx, digest("form"), "attempt-2", NOW))
    assert await store.find_spent(database, digest("form")) == "attempt-1"


async def test_of_fifty_who_spend_a_value_one_succeeds_and_all_learn_of_it(
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        form = digest(str(number))

        async def body(tx: Transaction, who: int, form: bytes = form) -> tuple[bool, str | None]:
            return await store.spend(tx, form, str(who), NOW), await store.find_spent(tx, form)

        results = await race(database, race_width, body)
        winners = [who for who, (won, _led) in enumerate(results) if won]
        assert len(winners) == 1
        assert {led for _won, led in results} == {str(winners[0])}


def mail_request(number: int = 1) -> MailRequest:
    return MailRequest(
        id=f"request-{number}",
        kind="password_reset",
        identifier_key="nora@north-clinic.example",
        language="de",
        requested_at=NOW + number * SECOND,
    )


async def test_requests_for_mail_wait_in_their_order(database: Database) -> None:  # D6
    for number in (2, 1, 3):

        async def body(tx: Transaction, number: int = number) -> None:
            await mail_store.add_mail_request(tx, mail_request(number))

        await database.transact(body)
    assert await mail_store.list_mail_requests(database, 2) == [mail_request(1), mail_request(2)]
    assert await database.transact(lambda tx: mail_store.spend_mail_request(tx, "request-1"))
    assert not await database.transact(lambda tx: mail_store.spend_mail_request(tx, "request-1"))
    assert await mail_store.list_mail_requests(database, 9) == [mail_request(2), mail_request(3)]


async def test_the_same_row_is_written_for_a_name_nobody_has(database: Database) -> None:  # D6
    nobody = structs.replace(mail_request(), identifier_key="")
    await database.transact(lambda tx: mail_store.add_mail_request(tx, nobody))
    assert await mail_store.list_mail_requests(database, 9) == [nobody]


async def test_of_fifty_workers_one_takes_a_request(database: Database, race_width: int, race_rounds: int) -> None:
    for number in range(race_rounds):

        async def add_request(tx: Transaction, number: int = number) -> None:
            await mail_store.add_mail_request(tx, mail_request(number))

        async def body(tx: Transaction, _who: int, number: int = number) -> bool:
            return await mail_store.spend_mail_request(tx, mail_request(number).id)

        await database.transact(add_request)
        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_sweeping_forgets_what_is_over_and_keeps_what_may_still_say_no(database: Database) -> None:
    for number in range(5):
        over = structs.replace(PLAIN, id=f"over-{number}", expires_at=NOW - MICROSECOND)
        await add(database, over)
    await add(database, structs.replace(PLAIN, expires_at=NOW))
    for name, expires_at in (("old", NOW - MICROSECOND), ("form", NOW)):

        async def spend(tx: Transaction, name: str = name, expires_at: datetime = expires_at) -> bool:
            return await store.spend(tx, digest(name), "attempt-1", expires_at)

        await database.transact(spend)
    swept = 0
    while count := await database.transact(lambda tx: store.sweep(tx, NOW, 2)):
        swept += count
    assert swept == 6
    assert [row["id"] for row in await database.list_rows("SELECT id FROM attempts")] == ["attempt-1"]
    assert not await database.transact(lambda tx: store.spend(tx, digest("form"), "", NOW))
    assert await database.transact(lambda tx: store.spend(tx, digest("old"), "", NOW))
