"""Wiring of the doors: the table of endpoints around the services, and the application a server runs."""

from functools import cached_property

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from portico.about.api import AboutApi
from portico.about.pages import AboutPages
from portico.admin.audit_api import AuditApi
from portico.administration import administration
from portico.development.pages import DevelopmentPages
from portico.ground import PACKAGE
from portico.house import House
from portico.jobs.pages import Health
from portico.kernel.clock import SystemClock
from portico.kernel.errors import PorticoError
from portico.operators.api import OperatorApi
from portico.own_doors import OwnDoors
from portico.sessions.door import SessionGate
from portico.signin.api import SignInApi
from portico.signin.door import Visitors
from portico.signin.hand_off.api import HandOffApi
from portico.signin.hand_off.pages import HandOffPages
from portico.signin.invitation_api import InvitationApi
from portico.signin.invitation_pages import InvitationPages
from portico.signin.pages import SignInPages
from portico.signin.renewal_pages import RenewalPages
from portico.signin.reset_api import ResetApi
from portico.signin.reset_help_api import ResetHelpApi
from portico.signin.reset_help_pages import ResetHelpPages
from portico.signin.reset_pages import ResetPages
from portico.signin.sign_up_api import SignUpApi
from portico.signin.sign_up_pages import SignUpPages
from portico.version import SHOWN_VERSION
from portico.web.assets import Assets
from portico.web.client_address import ClientAddresses
from portico.web.csrf import Csrf
from portico.web.errors import Problems, error_texts, status_of
from portico.web.front import Front, Lifespan
from portico.web.pages import Pages
from portico.web.routing import Endpoint, Routes
from portico.web.templates import Templates

_log = structlog.get_logger("portico")


class Doors:
    """Everything that answers requests."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._ground = house.ground
        self._base_url = house.settings.base_url

    @cached_property
    def assets(self) -> Assets:
        """The static files."""
        return Assets(PACKAGE / "static", self._ground.brand)

    @cached_property
    def csrf(self) -> Csrf:
        """The forgery protection."""
        return Csrf(self._ground.keys, self._base_url)

    @cached_property
    def templates(self) -> Templates:
        """Every page."""
        ground = self._ground
        return Templates(
            PACKAGE / "templates",
            ground.catalogues,
            ground.brand,
            self.assets,
            SHOWN_VERSION,
            offers_sign_up=self._house.settings.sign_up == "open",
            allows_pseudo=ground.is_development,
            reloads=ground.is_development,
        )

    @cached_property
    def pages(self) -> Pages:
        """What shows pages and reads their forms."""
        ground = self._ground
        return Pages(
            templates=self.templates,
            languages=ground.catalogues.languages(),
            base_url=self._base_url,
            keys=ground.keys,
            clock=ground.clock,
            chance=ground.chance,
            csrf=self.csrf,
            is_development=ground.is_development,
        )

    @cached_property
    def gate(self) -> SessionGate:
        """Who is calling."""
        house = self._house
        return SessionGate(
            database=house.database,
            clock=house.clock,
            sessions=house.sessions,
            jar=self.pages.cookies,
            stamps=house.policy_stamps,
            is_due=house.renewal.is_due,
        )

    @cached_property
    def visitors(self) -> Visitors:
        """Where a request comes from."""
        return Visitors(
            self.pages, self.gate, ClientAddresses(self._house.settings.trusted_proxies), self._house.sign_in
        )

    @cached_property
    def sign_in_api(self) -> SignInApi:
        """Signing in, for programs: whose attempts other doors begin."""
        house = self._house
        return SignInApi(
            pages=self.pages,
            visitors=self.visitors,
            gate=self.gate,
            sign_in=house.sign_in,
            renewal=house.renewal,
            criteria=house.password_criteria,
            catalogues=self._ground.catalogues,
            clock=house.clock,
            chance=house.chance,
        )

    @cached_property
    def routes(self) -> Routes:
        """The table, complete."""
        rows = [
            *self._sign_in(),
            *self._reset(),
            *self._hand_offs(),
            *self._reset_help(),
            *self._operators(),
            *self._audit(),
            *administration(self._house, self.pages, self.gate, self.visitors),
            *self._own(),
            *self._about(),
        ]
        rows += Health(self._house.database, self._house.clock).endpoints()
        if self._ground.is_development:
            rows += self._development()
        return Routes(rows)

    def front(self) -> Front:
        """The application."""
        reference = self._base_url.to("/api")
        return Front(
            routes=self.routes,
            assets=self.assets,
            base_url=self._base_url,
            csrf=self.csrf,
            gate=self.gate.admit,
            chance=self._ground.chance,
            language=self.pages.language,
            error_page=self._error_page,
            problems=Problems(self._ground.catalogues, reference),
            lifespan=lifespan(self._house),
        )

    def _sign_in(self) -> tuple[Endpoint, ...]:
        house = self._house
        pages = SignInPages(
            pages=self.pages,
            visitors=self.visitors,
            gate=self.gate,
            sign_in=house.sign_in,
            clock=house.clock,
            privacy_url=house.settings.privacy_url,
        )
        sign_up_pages = SignUpPages(
            pages=self.pages, visitors=self.visitors, gate=self.gate, sign_up=house.sign_up, clock=house.clock
        )
        api = self.sign_in_api
        renewal_pages = RenewalPages(
            pages=self.pages, visitors=self.visitors, gate=self.gate, renewal=house.renewal, sign_in=house.sign_in
        )
        sign_up_api = SignUpApi(visitors=self.visitors, sign_up=house.sign_up, sign_in_api=api, chance=house.chance)
        invitation_pages = InvitationPages(
            pages=self.pages, visitors=self.visitors, gate=self.gate, accepting=house.accepting, sign_in=house.sign_in
        )
        invitation_api = InvitationApi(
            visitors=self.visitors, gate=self.gate, accepting=house.accepting, sign_in_api=api, chance=house.chance
        )
        doors = (pages, sign_up_pages, renewal_pages, invitation_pages, api, sign_up_api, invitation_api)
        return tuple(endpoint for door in doors for endpoint in door.endpoints())

    def _hand_offs(self) -> tuple[Endpoint, ...]:
        house = self._house
        pages = HandOffPages(
            pages=self.pages, visitors=self.visitors, gate=self.gate, hand_offs=house.hand_offs, clock=house.clock
        )
        api = HandOffApi(
            base_url=self._base_url,
            visitors=self.visitors,
            hand_offs=house.hand_offs,
            sign_in_api=self.sign_in_api,
        )
        return (*pages.endpoints(), *api.endpoints())

    def _reset(self) -> tuple[Endpoint, ...]:
        house = self._house
        pages = ResetPages(
            pages=self.pages, visitors=self.visitors, reset=house.reset, criteria=house.password_criteria
        )
        api = ResetApi(
            pages=self.pages,
            visitors=self.visitors,
            reset=house.reset,
            criteria=house.password_criteria,
            catalogues=self._ground.catalogues,
        )
        return (*pages.endpoints(), *api.endpoints())

    def _reset_help(self) -> tuple[Endpoint, ...]:
        brand = self._ground.brand
        pages = ResetHelpPages(pages=self.pages, support_address=brand.support_address)
        api = ResetHelpApi(pages=self.pages, catalogues=self._ground.catalogues, brand=brand)
        return (*pages.endpoints(), *api.endpoints())

    def _operators(self) -> tuple[Endpoint, ...]:
        return OperatorApi(gate=self.gate, overview=self._house.mail_overview).endpoints()

    def _audit(self) -> tuple[Endpoint, ...]:
        return AuditApi(gate=self.gate, reading=self._house.trail_reading).endpoints()

    def _own(self) -> tuple[Endpoint, ...]:
        """My Account and its safety."""
        doors = OwnDoors(
            house=self._house,
            catalogues=self._ground.catalogues,
            pages=self.pages,
            gate=self.gate,
            visitors=self.visitors,
            sign_in_api=self.sign_in_api,
        )
        return doors.endpoints()

    def _about(self) -> tuple[Endpoint, ...]:
        ground = self._ground
        pages = AboutPages(pages=self.pages, endpoints=self._endpoints)
        api = AboutApi(
            base_url=self._base_url,
            brand=ground.brand,
            languages=ground.catalogues.languages(),
            version=SHOWN_VERSION,
            offers_sign_up=self._house.settings.sign_up == "open",
            endpoints=self._endpoints,
        )
        return (*pages.endpoints(), *api.endpoints())

    def _development(self) -> tuple[Endpoint, ...]:
        house = self._house
        if not isinstance(house.clock, SystemClock):
            raise TypeError("the development doors move a SystemClock")
        pages = DevelopmentPages(
            pages=self.pages,
            database=house.database,
            clock=house.clock,
            mailbox=house.mailbox,
            sender=house.stationery.from_address,
            run_jobs=house.runner.run_all_once,
            accounts=house.accounts,
            totp=house.totp,
            recovery_code=house.recovery_code,
            phones=house.phones,
            data=house.settings.data,
        )
        return pages.endpoints()

    def _endpoints(self) -> tuple[Endpoint, ...]:
        return self.routes.endpoints

    def _error_page(self, request: Request, error: PorticoError) -> Response:
        what, then = error_texts(error)
        return self.pages.show(
            request,
            "error.html",
            status=status_of(error),
            message=what,
            next=then,
            request_id=request.state.request_id,
        )


def lifespan(house: House) -> Lifespan:
    """Start the jobs with the server and give everything back when it stops (ASGI lifespan protocol 2.0)."""

    async def run(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        house.runner.start()
        _log.info("started", address=house.settings.base_url.origin)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await house.close()
        _log.info("stopped")
        await send({"type": "lifespan.shutdown.complete"})

    return run


def build_app(house: House) -> Front:
    """The application of a deployment."""
    return Doors(house).front()
