"""What a code of an authenticator app costs: judged and used up in a database, without what stands around it."""

import asyncio
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from portico.factors.contract import Subject, TotpAnswer
from portico.factors.totp import PERIOD, code_at, draw_secret, step_at
from portico.house import open_house
from portico.settings import read_settings

_CHUNK = 100


def _same(at: datetime) -> datetime:
    return at


async def totp_for(folder: Path, seconds: float) -> float:
    """The CPU microseconds of one right code; each is of a step of its own, as if half a minute went by between two."""
    house = await open_house(read_settings({"PORTICO_DATA": str(folder), "PORTICO_MAIL_TRANSPORT": "maildir"}))
    try:
        now, secret = house.clock.now(), draw_secret(house.chance)
        account = await house.database.transact(
            lambda tx: house.accounts.add_account(tx, now, address="nora@north-clinic.example")
        )
        enrol = house.totp.enrol
        await house.database.transact(lambda tx: enrol(tx, now, account.id, secret, step_at(now)))
        subject, done, began, cpu = Subject(account.id), 0, time.perf_counter(), 0.0
        while time.perf_counter() - began < seconds:
            shown = []
            for _ in range(_CHUNK):
                now += timedelta(seconds=PERIOD)
                shown.append((now, code_at(secret, now)))
            before = time.process_time()
            for at, code in shown:
                judged = await house.totp.judge(house.database, subject, TotpAnswer(code), partial(_same, at))
                if not await house.database.transact(partial(house.totp.settle, judgement=judged, now=at)):
                    raise RuntimeError("the code is not good")
            cpu += time.process_time() - before
            done += _CHUNK
            await asyncio.sleep(0)
        return cpu / done * 1e6
    finally:
        await house.close()
