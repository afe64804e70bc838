"""Wiring of the doors behind which people look after their own accounts: My Account and its safety."""

from portico.house import House
from portico.kernel.messages import Catalogues
from portico.my_account.address.api import AddressApi
from portico.my_account.address.pages import AddressPages
from portico.my_account.api import MyAccountApi
from portico.my_account.authenticator.api import AuthenticatorApi
from portico.my_account.authenticator.pages import AuthenticatorPages
from portico.my_account.deletion.api import DeletionApi
from portico.my_account.deletion.pages import DeletionPages
from portico.my_account.door import Room
from portico.my_account.history_api import HistoryApi
from portico.my_account.history_pages import HistoryPages
from portico.my_account.organizations_api import OwnOrganizationsApi
from portico.my_account.organizations_pages import OwnOrganizationsPages
from portico.my_account.pages import MyAccountPages
from portico.my_account.passkeys.api import PasskeyApi
from portico.my_account.passkeys.pages import PasskeyPages
from portico.my_account.profile_api import ProfileApi
from portico.my_account.profile_pages import ProfilePages
from portico.security.api import SecurityApi
from portico.security.pages import SecurityPages
from portico.sessions.door import SessionGate
from portico.signin.api import SignInApi
from portico.signin.door import Visitors
from portico.web.pages import Pages
from portico.web.routing import Endpoint


class OwnDoors:
    """My Account, in pages and API."""

    def __init__(
        self,
        *,
        house: House,
        catalogues: Catalogues,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        sign_in_api: SignInApi,
    ) -> None:
        self._house = house
        self._catalogues = catalogues
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._sign_in_api = sign_in_api

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (*self._account(), *self._safety())

    def _second_step(self, room: Room) -> tuple[Endpoint, ...]:
        """Authenticator app, passkeys and recovery code."""
        house = self._house
        pages = AuthenticatorPages(room=room, visitors=self._visitors, authenticators=house.authenticators)
        api = AuthenticatorApi(
            pages=self._pages,
            gate=self._gate,
            visitors=self._visitors,
            authenticators=house.authenticators,
            sign_in_api=self._sign_in_api,
            catalogues=self._catalogues,
            chance=house.chance,
        )
        passkey_pages = PasskeyPages(
            room=room, visitors=self._visitors, authenticators=house.authenticators, passkeys=house.own_passkeys
        )
        passkey_api = PasskeyApi(
            pages=self._pages,
            gate=self._gate,
            visitors=self._visitors,
            authenticators=house.authenticators,
            passkeys=house.own_passkeys,
            catalogues=self._catalogues,
        )
        return tuple(row for door in (pages, passkey_pages, api, passkey_api) for row in door.endpoints())

    def _account(self) -> tuple[Endpoint, ...]:
        """Overview, password, sessions."""
        house = self._house
        room = Room(self._pages, self._gate)
        pages = MyAccountPages(
            room=room,
            visitors=self._visitors,
            my_account=house.my_account,
            profile=house.own_profile,
            criteria=house.password_criteria,
        )
        api = MyAccountApi(
            pages=self._pages,
            gate=self._gate,
            visitors=self._visitors,
            my_account=house.my_account,
            catalogues=self._catalogues,
        )
        return (*pages.endpoints(), *self._profile(room), *self._second_step(room), *api.endpoints())

    def _profile(self, room: Room) -> tuple[Endpoint, ...]:
        house, catalogues = self._house, self._catalogues
        pages = ProfilePages(
            room=room, visitors=self._visitors, profile=house.own_profile, languages=catalogues.languages()
        )
        api = ProfileApi(
            pages=self._pages,
            gate=self._gate,
            visitors=self._visitors,
            profile=house.own_profile,
            catalogues=catalogues,
        )
        history_pages = HistoryPages(room=room, visitors=self._visitors, history=house.own_history, data=house.own_data)
        history_api = HistoryApi(
            pages=self._pages,
            gate=self._gate,
            visitors=self._visitors,
            history=house.own_history,
            data=house.own_data,
            catalogues=catalogues,
        )
        organizations_pages = OwnOrganizationsPages(room=room, belongings=house.belongings)
        organizations_api = OwnOrganizationsApi(
            pages=self._pages, gate=self._gate, belongings=house.belongings, catalogues=catalogues
        )
        doors = (pages, history_pages, organizations_pages, api, history_api, organizations_api)
        return tuple(endpoint for door in doors for endpoint in door.endpoints())

    def _safety(self) -> tuple[Endpoint, ...]:
        """Security links, changes of address, deletion."""
        house, catalogues = self._house, self._catalogues
        doors = (
            SecurityPages(pages=self._pages, security=house.security),
            SecurityApi(pages=self._pages, security=house.security),
            AddressPages(
                pages=self._pages,
                gate=self._gate,
                visitors=self._visitors,
                changes=house.address_changes,
            ),
            AddressApi(
                pages=self._pages,
                gate=self._gate,
                visitors=self._visitors,
                changes=house.address_changes,
                catalogues=catalogues,
            ),
            DeletionPages(pages=self._pages, gate=self._gate, visitors=self._visitors, deletions=house.deletions),
            DeletionApi(
                pages=self._pages,
                gate=self._gate,
                visitors=self._visitors,
                deletions=house.deletions,
                catalogues=catalogues,
            ),
        )
        return tuple(endpoint for door in doors for endpoint in door.endpoints())
