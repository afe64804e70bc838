"""The description of the JSON API: a valid document, and a true one. Programs are made from it."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from portico.web.errors import PROBLEM_TYPE
from tests.conftest import VERIFY
from tests.support.databases import Templates
from tests.support.refusals import assert_carried
from tests.support.world import LIFTED, Native, World, open_world

EXAMPLES = 500 if VERIFY else 25
"""Of each operation, each of good and of bad documents."""
OTHERS = {"picture": {"image/webp"}, "export": {"text/csv", "application/jsonl"}}
"""What is no JSON, by the last word of the address; one's own data are a document, and not asked for by GET."""
AnyCase: TypeAlias = "Case[Any]"
CHECKS: list[Any] = [status_code_conformance, content_type_conformance, response_schema_conformance]


class Caller:
    """A world in a loop of its own, and somebody signed in to it: hypothesis is not asynchronous."""

    def __init__(self, templates: Templates, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._run = self._runner.run
        self.world, self.client = self._run(self._open(templates, folder))
        self.document: dict[str, Any] = self._run(self.client.client.get("/api/v1/openapi.json")).json()

    async def _open(self, templates: Templates, folder: Path) -> tuple[World, Native]:
        url = await self._stack.enter_async_context(templates.url("sqlite", folder))
        world = await self._stack.enter_async_context(open_world(folder, url, limits=LIFTED))
        client = await self._stack.enter_async_context(world.native())
        await world.add_person(handle="nora")
        return world, client

    def close(self) -> None:
        """Give everything back."""
        self._run(self._stack.aclose())
        self._runner.close()

    def send(self, case: AnyCase, *, is_signed_in: bool) -> httpx.Response:
        """Send a generated request; the token and the attempt are good ones, so that it comes to something."""
        return self._run(self._send(case, is_signed_in=is_signed_in))

    async def _sign_in(self) -> None:
        """Be signed in: anew only where the last request has ended the session, as some do."""
        if self.client.access_token and (await self.client.call("GET", "/account")).status_code == 200:
            return
        self.client.access_token = ""
        await self.client.sign_in()

    async def _send(self, case: AnyCase, *, is_signed_in: bool) -> httpx.Response:
        path = str(case.formatted_path)
        headers = {str(name): str(value) for name, value in dict(case.headers or {}).items()}
        if case.path.startswith("/api/v1/signin/") and is_signed_in:
            attempt: dict[str, Any] = await self.client.begin()
            path = f"/api/v1/signin/{attempt['id']}"
            headers["portico-ticket"] = str(attempt["ticket"])
        if is_signed_in:
            await self._sign_in()
            headers["authorization"] = f"Bearer {self.client.access_token}"
        given = case.as_transport_kwargs(base_url="https://login.portico.example")
        content = {"json": given["json"]} if given.get("json") is not None else {"content": given.get("data")}
        headers.setdefault("content-type", case.media_type or "application/json")
        encoded = {name.encode(): value.encode("utf-8", "surrogatepass") for name, value in headers.items()}
        return await self.client.client.request(case.method, path, headers=encoded, **content)


@pytest.fixture
def caller(templates: Templates, tmp_path: Path) -> Iterator[Caller]:
    """Somebody who calls whatever they are handed."""
    made = Caller(templates, tmp_path)
    yield made
    made.close()


def test_the_document_is_valid(caller: Caller) -> None:  # V4.1.1
    """Against the schema that the OpenAPI initiative publishes for 3.1."""
    OPENAPI_31_VALIDATOR.validate(caller.document)
    assert caller.document["openapi"] == "3.1.0"
    assert caller.document["servers"] == [{"url": "https://login.portico.example"}]


def test_the_document_has_every_operation_once(caller: Caller) -> None:  # V8.1.1
    told = {
        f"{method.upper()} {path}": operation
        for path, methods in caller.document["paths"].items()
        for method, operation in methods.items()
    }
    table = {f"{each.method} {each.path}" for each in caller.world.app.routes.endpoints if each.is_api}
    assert set(told) == table
    ids = [operation["operationId"] for operation in told.values()]
    assert len(set(ids)) == len(ids)
    for name, operation in told.items():
        variables = set(re.findall(r"{(\w+)}", name))
        assert {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"} == variables
        assert operation["summary"].endswith("."), name
        for status, response in operation["responses"].items():
            kinds = set(response.get("content", {}))
            good = OTHERS.get(name.rpartition("/")[2], set()) if name.startswith("GET") else set()
            assert kinds <= ({PROBLEM_TYPE} if status >= "4" else good or {"application/json"}), name


def test_every_reference_leads_somewhere(caller: Caller) -> None:  # V4.1.1
    schemas = caller.document["components"]["schemas"]
    references = set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(caller.document)))
    assert references <= set(schemas)
    assert set(schemas) <= references | {"Problem"}, "every schema is used"
    kinds = {"identify", "prove", "verify_email", "create_account", "change_password", "announced", "finished"}
    kinds |= {"refused", "remind_password", "enrol", "save_recovery_code", "trust_device", "device_registered"}
    assert {name.removeprefix("step").lower() for name in kinds}
    mapping = [each["discriminator"]["mapping"] for each in find_unions(caller.document) if "discriminator" in each]
    assert kinds in [set(each) for each in mapping]


def find_unions(part: Any) -> Iterator[dict[str, Any]]:
    """Every place where one of several schemas may stand."""
    if isinstance(part, dict):
        if "anyOf" in part or "oneOf" in part:
            yield part
        for value in part.values():
            yield from find_unions(value)
    elif isinstance(part, list):
        for value in part:
            yield from find_unions(value)


@pytest.mark.long
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
def test_every_operation_does_what_the_document_says(caller: Caller, mode: GenerationMode) -> None:  # V2.2.1, V8.2.1
    """Whatever is sent, the status, the kind of document and its shape are among those that are described."""
    schema = schemathesis.openapi.from_dict(caller.document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        name = f"{operation.method.upper()} {operation.path}"
        if mode is GenerationMode.NEGATIVE and "requestBody" not in operation.definition.raw:
            continue
        conforming(caller, name, operation.as_strategy(generation_mode=mode))()


def conforming(caller: Caller, name: str, cases: SearchStrategy[AnyCase]) -> Callable[[], None]:
    """The property of one operation."""

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
    )
    @given(case=cases)
    def conforms(case: AnyCase) -> None:
        for is_signed_in in (True, False):
            answer = caller.send(case, is_signed_in=is_signed_in)
            assert answer.status_code < 500, (name, answer.text)
            assert_carried(answer)
            described = case.operation.definition.raw["responses"]
            assert str(answer.status_code) in described, (name, answer.status_code, answer.text)
            case.validate_response(Response.from_httpx(answer, verify=False), checks=CHECKS)

    return conforms
