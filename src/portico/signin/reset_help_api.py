"""What to do when no reset mail comes, for programs that show it themselves."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.brand import Brand
from portico.kernel.errors import Busy
from portico.kernel.messages import Catalogues, Message
from portico.signin.reset_help import help_steps
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class HelpStepView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to try: its code and its sentence."""

    code: str
    text: str


class NoMailView(msgspec.Struct, frozen=True, kw_only=True):
    """What to try, in order, and where to ask again or for help. The same for everybody."""

    steps: list[HelpStepView]
    ask_again: str
    support_address: str


class ResetHelpApi:
    """Help with a reset, for programs."""

    def __init__(self, *, pages: Pages, catalogues: Catalogues, brand: Brand, providers: tuple[str, ...] = ()) -> None:
        self._pages = pages
        self._catalogues = catalogues
        self._brand = brand
        self._steps = help_steps(support_address=brand.support_address, providers=providers)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint(
                "GET", "/api/v1/password-reset/no-mail", self.show, Access.ANYONE,
                "What to try when no reset mail comes.", output=NoMailView, errors=(Busy,),
            ),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """What to try."""
        language = self._pages.language(request)
        steps = [
            HelpStepView(code=step.code.rpartition(".")[2], text=self._text(step, language)) for step in self._steps
        ]
        view = NoMailView(
            steps=steps, ask_again="/api/v1/password-reset/requests", support_address=self._brand.support_address
        )
        return json_response(view)

    def _text(self, step: Message, language: str) -> str:
        named = Message(step.code, {"brand": self._brand.name, **step.params})
        return self._catalogues.text(named, language)
