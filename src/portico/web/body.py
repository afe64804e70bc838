"""Reading what a request brings: forms and JSON, strictly.

Shapes are msgspec structs; fields nobody asked for, fields sent twice, wrong types and bytes that are not UTF-8 are
refused with :class:`BadInput`. No form or document of ours needs more than 64 KiB, and none 30 seconds: who sends is
looked at before the body is read, and should not have changed by then.
"""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request

from portico.kernel.errors import BadInput, TooLarge, TooSlow
from portico.web.multipart import find_boundary, read_parts

BODY_MAX = 64 * 1024
DEADLINE = timedelta(seconds=30)
"""How long a body may take from its first byte to its last, pictures as well."""
FIELDS_MAX = 50
FIELD_MAX = 8 * 1024
"""Characters of one field of a form; the longest of ours is a new passkey whose id is as long as ids may be."""
HEARD_OUT = 5
"""Up to how many times what is allowed an upload is read to its end, though in vain."""
_PATH = re.compile(r" - at `\$\.?([\w.]*)")
_EXTRA = re.compile(r"^Object (?:contains unknown|missing required) field `(\w{1,64})`")
_LENGTH = re.compile(r"[0-9]{1,18}")
T = TypeVar("T")


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every form sends: the token that shows it came from one of our pages."""

    csrf: str = ""


F = TypeVar("F", bound=Form)


async def read_form(request: Request, shape: type[F]) -> F:
    """A form body (``application/x-www-form-urlencoded``) as ``shape``. A ticked box sends ``on``."""
    if _content_type(request) != "application/x-www-form-urlencoded":
        raise BadInput("a form was expected")
    body = await _read_body(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError as error:
        raise BadInput(f"the form cannot be read: {error}") from error
    if any(len(value) > FIELD_MAX for _, value in pairs):
        raise TooLarge("a field is too long")
    return _convert(_once(pairs), shape)


async def read_json(request: Request, shape: Any) -> Any:
    """A JSON body as ``shape``. Only ``application/json`` is taken: other sites cannot send it unasked."""
    if _content_type(request) != "application/json":
        raise BadInput("application/json was expected")
    body = await _read_body(request)
    try:
        document = msgspec.json.decode(body, type=shape)
        json.loads(body, object_pairs_hook=_once)  # msgspec takes the last of two fields by one name
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the document cannot be read: {error}", **_field_of(error)) from error
    return document


def _field_of(error: Exception) -> dict[str, str]:
    """Which field a document's fault is about, where msgspec says so: ``fields.max_age_days``."""
    path = _PATH.search(str(error)) if isinstance(error, msgspec.ValidationError) else None
    extra = _EXTRA.search(str(error)) if isinstance(error, msgspec.ValidationError) else None
    names = [*([path[1]] if path and path[1] else []), *([extra[1]] if extra else [])]
    return {"field": ".".join(names)} if names else {}


def read_query(request: Request, shape: type[T]) -> T:
    """The query of an address as ``shape``. Every page and call may name a ``language`` besides."""
    values = _once([pair for pair in request.query_params.multi_items() if pair[0] != "language"])
    return _convert(values, shape)


async def read_upload(request: Request, name: str, size_max: int) -> tuple[dict[str, str], bytes]:
    """A form with one file (``multipart/form-data``): its text fields by their names, and the file called ``name``."""
    boundary = find_boundary(request.headers.get("content-type", ""))
    body = await _read_body(request, size_max + BODY_MAX, HEARD_OUT * size_max)
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    for part in read_parts(body, boundary):
        if part.is_file:
            files.append((part.name, part.content))
            continue
        if len(part.content) > FIELD_MAX:
            raise TooLarge("a field is too long")
        try:
            fields.append((part.name, part.content.decode()))
        except UnicodeDecodeError as error:
            raise BadInput("a field is not UTF-8") from error
    content = _once(files).pop(name, b"")
    if set(dict(files)) - {name}:
        raise BadInput("a file nobody asked for")
    if len(content) > size_max:
        raise TooLarge("the file is too large")
    return _once(fields), content


async def read_bytes(request: Request, size_max: int) -> bytes:
    """A body as it is, of any bytes. No form can send these content types: other sites cannot send it unasked."""
    kind = _content_type(request)
    if kind != "application/octet-stream" and not kind.startswith("image/"):
        raise BadInput("application/octet-stream or an image was expected")
    return await _read_body(request, size_max)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Fields by their names; raises BadInput where one was sent twice."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadInput("a field was sent twice")
    return values


def _convert(values: dict[str, str], shape: type[T]) -> T:
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"what was sent does not fit: {error}") from error


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_body(request: Request, size_max: int = BODY_MAX, heard_out: int = 0) -> bytes:
    """The whole body, given up on as soon as it is too long, or takes too long: raises TooLarge, TooSlow.

    One that is not longer than ``heard_out`` is read to its end before it is refused: a browser that is still sending
    does not read the answer.
    """
    if not _LENGTH.fullmatch(announced := request.headers.get("content-length", "0")):
        raise TooLarge("the body is too large")
    if int(announced) > max(size_max, heard_out):
        raise TooLarge("the body is too large")
    try:
        async with asyncio.timeout(DEADLINE.total_seconds()):
            parts, size = await _gather(request, size_max, heard_out)
    except ClientDisconnect as error:
        raise BadInput("the sender went away") from error
    except TimeoutError as error:
        raise TooSlow("the body did not come to its end") from error
    if size > size_max:
        raise TooLarge("the body is too large")
    return b"".join(parts)


async def _gather(request: Request, size_max: int, heard_out: int) -> tuple[list[bytes], int]:
    """The pieces of a body as they come, as long as it is not too long, and how many bytes it has."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > max(size_max, heard_out):
            raise TooLarge("the body is too large")
        if size <= size_max:
            parts.append(part)
        else:
            parts.clear()
    return parts, size
