"""The programs that are measured, each in a process of its own. Says in a line of JSON what one must know, and serves.

    python -m bench.server portico FOLDER   Portico with an embedded database, limits lifted
    python -m bench.server bare             one ASGI route that answers a constant, on the same server
    python -m bench.server hash SECONDS     nothing but the password hash; says what one costs
    python -m bench.server fold SECONDS     folding what ten organizations ask; says what one costs
    python -m bench.server stamp SECONDS    the stamp of somebody in ten organizations, once known; says what one costs
    python -m bench.server passkey SECONDS  checking an answer with a passkey (ES256); says what one costs
    python -m bench.server es256 SECONDS    nothing but such a signature; says what one costs
    python -m bench.server totp SECONDS     a code of an authenticator app, judged and used up; says what one costs

With ``profile`` as a last argument the first two say at their end where their time went.

Limits are lifted by building the house here, by hand. There is no setting that does it, and there shall be none.
"""

import asyncio
import json
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import nacl.pwhash
import uvicorn
import uvloop

from bench import asking, codes, passkeys
from bench.sampling import Sampler
from portico.app import build_app
from portico.database.engine import Transaction
from portico.factors.hashing import Argon2Parameters
from portico.factors.model import PasswordProperties
from portico.house import House, open_house
from portico.logs import configure_logs
from portico.server import server_config
from portico.settings import read_settings
from portico.throttle.rates import Limits

PEOPLE = 1_000
PASSWORD = "Harbour-Lamp-27"
BODY = b'{"hello":"world"}'


def main(arguments: list[str]) -> None:
    """Run the program that was asked for."""
    kind, *rest = arguments
    if kind in ALONE:
        print(json.dumps({"cpu_microseconds": ALONE[kind](float(rest[0]))}))
        return
    sampler = Sampler() if rest[-1:] == ["profile"] else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_portico(Path(rest[0]), sampler) if kind == "portico" else serve_bare(sampler))
    if sampler is not None:
        print(sampler.report(), flush=True)


def hash_for(seconds: float) -> float:
    """The CPU microseconds of comparing one password with its hash, as Portico does it."""
    parameters = Argon2Parameters()
    memory = parameters.memory_kib * 1024
    stored = nacl.pwhash.argon2id.str(PASSWORD.encode(), opslimit=parameters.passes, memlimit=memory)
    nacl.pwhash.argon2id.verify(stored, PASSWORD.encode())
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        nacl.pwhash.argon2id.verify(stored, PASSWORD.encode())
        done += 1
    return (time.process_time() - cpu) / done * 1e6


def stamp_for(seconds: float) -> float:
    """The CPU microseconds of a stamp that is known, on a deployment of its own."""
    return _in_a_house(asking.stamp_for, seconds)


def totp_for(seconds: float) -> float:
    """The CPU microseconds of a code of an authenticator app, on a deployment of its own."""
    return _in_a_house(codes.totp_for, seconds)


def _in_a_house(measured: Callable[[Path, float], Coroutine[Any, Any, float]], seconds: float) -> float:
    configure_logs("json", "error")
    with tempfile.TemporaryDirectory(prefix="portico-bench-") as folder:
        return uvloop.run(measured(Path(folder), seconds))


ALONE: dict[str, Callable[[float], float]] = {
    "hash": hash_for,
    "fold": asking.fold_for,
    "stamp": stamp_for,
    "es256": passkeys.signature_for,
    "passkey": passkeys.passkey_for,
    "totp": totp_for,
}
"""What is measured with nothing around it."""


async def serve_portico(folder: Path, sampler: Sampler | None) -> None:
    """Portico as an operator would run it, but for the limits."""
    listening = _listen()
    port = listening.getsockname()[1]
    environment = {"DATA": str(folder), "PORT": str(port), "MAIL_TRANSPORT": "maildir", "HASH_THREADS": "1"}
    if sampler is not None:  # what stands around the hash is looked for, so the hash costs next to nothing
        environment |= {"ARGON2_MEMORY_KIB": "8", "ARGON2_PASSES": "1"}
    settings = read_settings({f"PORTICO_{name}": value for name, value in environment.items()})
    configure_logs(settings.log_format, settings.log_level)
    house = await open_house(settings, limits=Limits(is_lifted=True))
    await move_in(house)
    await passkeys.move_in(house)
    await _serve(build_app(house), listening, {"port": port, "password": PASSWORD, "people": PEOPLE}, sampler)


async def serve_bare(sampler: Sampler | None) -> None:
    """The floor under everything: what the server itself costs."""
    listening = _listen()

    async def app(
        scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[..., Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})

    await _serve(app, listening, {"port": listening.getsockname()[1]}, sampler)


async def move_in(house: House) -> None:
    """A thousand people with one password, so that tables have some depth."""
    new = await house.password.prepare(PASSWORD)
    now = house.clock.now()

    async def body(tx: Transaction) -> None:
        for number in range(PEOPLE):
            account = await house.accounts.add_account(
                tx, now, address=f"person{number}@north-clinic.example", first_name="Nora", last_name=f"Number {number}"
            )
            await house.password.set_password(tx, now, account.id, new, PasswordProperties())

    await house.database.transact(body)


def _listen() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(1024)
    return listening


async def _serve(app: Any, listening: socket.socket, said: dict[str, Any], sampler: Sampler | None) -> None:
    print(json.dumps(said), flush=True)
    if sampler is not None:
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn, once stopped, raises it again: there is more to say
        sampler.start()
    config = server_config(app, host="127.0.0.1", port=said["port"])
    await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1:])
