"""OpenAPI 3.1 from the table of endpoints, and the same table as rows for the reference page.

The schemas are msgspec's own of the structs that encode and decode the bodies, so they cannot drift from them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import msgspec

from portico.kernel.errors import PorticoError, TooSlow
from portico.web.errors import PROBLEM_TYPE, Problem, status_of
from portico.web.routing import Access, Endpoint

_REF = "#/components/schemas/{name}"
_VARIABLE = re.compile(r"{(\w+)}")
_BYTES: dict[str, Any] = {}
"""Bytes as they are have no schema (OpenAPI Specification 3.1.0 section 4.8.14.1)."""
_WITH_SESSION = frozenset({Access.SIGNED_IN, Access.OPERATOR, Access.SUPPORT, Access.ADMIN, Access.OWNER})
_TICKET: dict[str, Any] = {"name": "Portico-Ticket", "in": "header", "required": True, "schema": {"type": "string"}}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a body."""

    name: str
    type: str
    is_required: bool
    summary: str


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One error an operation can answer."""

    code: str
    status: int
    summary: str


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One operation as the reference page shows it."""

    id: str
    method: str
    path: str
    summary: str
    callers: str
    status: int
    request: tuple[FieldRow, ...]
    response: tuple[FieldRow, ...]
    errors: tuple[ErrorRow, ...]


def openapi_document(endpoints: Iterable[Endpoint], *, title: str, version: str, server: str) -> dict[str, Any]:
    """The whole description (OpenAPI Specification 3.1.0)."""
    rows = _public(endpoints)
    schemas, components = _schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in rows:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"access_token": {"type": "http", "scheme": "bearer"}},
        },
    }


def operation_rows(endpoints: Iterable[Endpoint]) -> tuple[OperationRow, ...]:
    """The operations for the reference page, in the order of the table."""
    rows = _public(endpoints)
    return tuple(
        OperationRow(
            id=_operation_id(endpoint),
            method=endpoint.method,
            path=endpoint.path,
            summary=endpoint.summary,
            callers=endpoint.access.value.replace("_", " "),
            status=endpoint.status,
            request=(*_fields(endpoint.query), *_fields(endpoint.body)),
            response=_fields(endpoint.output),
            errors=tuple(_error_row(error) for error in _errors(endpoint)),
        )
        for endpoint in rows
    )


def _public(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """The rows programs may rely on."""
    return [endpoint for endpoint in endpoints if endpoint.is_api and endpoint.access is not Access.DEVELOPMENT]


def _schemas(endpoints: list[Endpoint]) -> tuple[dict[Any, Any], dict[str, Any]]:
    types = [shape for each in endpoints for shape in (each.query, each.body, each.output) if shape is not None]
    unique = [*dict.fromkeys([*types, Problem])]
    references, components = msgspec.json.schema_components(unique, ref_template=_REF)
    schemas: dict[Any, Any] = dict(zip(unique, references, strict=True))
    for query in {endpoint.query for endpoint in endpoints if endpoint.query is not None}:
        schemas[query] = components.pop(query.__name__)  # its fields become parameters, and it none of the documents
    return schemas, components


def _operation(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "responses": _responses(endpoint, schemas),
    }
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _VARIABLE.findall(endpoint.path)
    ]
    if endpoint.query is not None:
        parameters += _query_parameters(schemas[endpoint.query])
    if endpoint.access is Access.ATTEMPT_HOLDER:
        parameters.append(_TICKET)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[endpoint.body]}},
        }
    if endpoint.takes:
        operation["requestBody"] = {"required": True, "content": {endpoint.takes: {"schema": _BYTES}}}
    if endpoint.access in _WITH_SESSION:
        operation["security"] = [{"access_token": []}]
    return operation


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a query's struct as parameters. None means left out: an address cannot say null."""
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(shape)}
        for name, shape in schema["properties"].items()
    ]


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    others = [each for each in shape.get("anyOf", []) if each != {"type": "null"}]
    return others[0] if len(others) == 1 else {name: value for name, value in shape.items() if name != "default"}


def _responses(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if endpoint.output is not None:
        success["content"] = {"application/json": {"schema": schemas[endpoint.output]}}
    if endpoint.gives:
        success["content"] = {kind: {"schema": _BYTES} for kind in endpoint.gives.split(", ")}
    responses: dict[str, Any] = {str(endpoint.status): success}
    for error in _errors(endpoint):
        status = str(_status(error))
        known = responses.get(status, {}).get("description")
        responses[status] = {
            "description": f"{known}; {error.code}" if known else error.code,
            "content": {PROBLEM_TYPE: {"schema": schemas[Problem]}},
        }
    return responses


def _fields(shape: Any) -> tuple[FieldRow, ...]:
    """The fields of a struct, with their types in short."""
    if shape is None:
        return ()
    return tuple(
        FieldRow(
            name=field.encode_name,
            type=_type_name(field.type),
            is_required=field.required,
            summary=_summary(field.type),
        )
        for field in msgspec.structs.fields(shape)
    )


def _type_name(shape: Any) -> str:
    """A type as a reader of the page knows it."""
    names = {str: "string", int: "integer", bool: "boolean", type(None): "null"}
    if shape in names:
        return names[shape]
    arguments = get_args(shape)
    origin = get_origin(shape)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is list:
        return f"list of {' or '.join(map(_type_name, arguments))}"
    if origin is dict:
        return "object"
    if arguments:
        return " or ".join(_type_name(argument) for argument in arguments)
    return getattr(shape, "__name__", str(shape))


def _summary(shape: Any) -> str:
    """The first line of a struct's docstring, where the field holds one."""
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return (shape.__doc__ or "").partition("\n")[0]
    return ""


def _errors(endpoint: Endpoint) -> tuple[type[PorticoError], ...]:
    """What an operation can answer: whoever sends a body can be too slow with it."""
    return (*endpoint.errors, TooSlow) if endpoint.body is not None or endpoint.takes else endpoint.errors


def _error_row(error: type[PorticoError]) -> ErrorRow:
    summary = (error.__doc__ or "").partition("\n")[0]
    return ErrorRow(code=error.code, status=_status(error), summary=summary)


def _status(error: type[PorticoError]) -> int:
    return status_of(error.__new__(error))


def _operation_id(endpoint: Endpoint) -> str:
    words = _VARIABLE.sub(r"by \1", endpoint.path.removeprefix("/api/v1/"))
    return f"{endpoint.method.lower()}_{re.sub(r'[^a-z0-9]+', '_', words)}"
