"""A small name server on loopback: answers TXT questions by UDP and TCP from a table, or as badly as it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Mood = Literal["answers", "silent", "fails", "refuses", "babbles"]


@dataclass
class NameServer:
    """One name server. ``records`` are the texts of each name; ``asked`` is what it was asked for."""

    records: dict[str, list[str]] = field(default_factory=dict)
    mood: Mood = "answers"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    is_cut: bool = False
    """Whether answers by UDP are cut off, so that one has to ask again by TCP (RFC 1035 section 4.2.1)."""

    @property
    def address(self) -> str:
        """What the setting ``dns_server`` says to use it."""
        return f"127.0.0.1:{self.port}"

    def answer(self, wire: bytes, *, is_udp: bool) -> bytes | None:
        """The answer to a question, as bytes; None for none."""
        question = dns.message.from_wire(wire)
        name = question.question[0].name
        self.asked.append(name.to_text(omit_final_dot=True))
        if self.mood == "silent":
            return None
        if self.mood == "babbles":
            return wire[:2] + b"\xff" * 20
        response = dns.message.make_response(question)
        if self.mood in ("fails", "refuses"):
            response.set_rcode(dns.rcode.SERVFAIL if self.mood == "fails" else dns.rcode.REFUSED)
            return response.to_wire()
        texts = self.records.get(name.to_text(omit_final_dot=True))
        if texts is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif is_udp and self.is_cut:
            response.flags |= dns.flags.TC
        elif texts:
            quoted = [" ".join(f'"{text[at : at + 200]}"' for at in range(0, max(len(text), 1), 200)) for text in texts]
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
        return response.to_wire()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data, is_udp=True)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """A name server that runs as long as the block."""
    server = NameServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = server.answer(await reader.readexactly(length), is_udp=False)
        if answer is not None:
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(server), local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        transport.close()
        listening.close()
        await listening.wait_closed()
