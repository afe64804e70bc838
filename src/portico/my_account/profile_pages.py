"""One's profile in a browser: names, language, time zone, Portico ID and picture."""

from dataclasses import dataclass
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.pictures import CONTENT_TYPE, UPLOAD_MAX
from portico.factors.proof import Failure
from portico.kernel.errors import BadInput, Conflict, TooLarge
from portico.kernel.messages import Message, message
from portico.kernel.zones import list_zones
from portico.my_account.door import OVERVIEW, Room
from portico.my_account.profile import OwnProfile, profile_of
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.routing import Access, Endpoint
from portico.web.templates import PICTURES

PROFILE = "/account/profile"
FORMER_PROFILE = "/account/name"
HANDLE = "/account/handle"
PICTURE_CACHE = "private, max-age=31536000, immutable"
"""A picture's address names its content."""
_TYPED_MAX = 200


class ProfileForm(Form, frozen=True, kw_only=True):
    """The profile to be, and the version of the one it replaces. What is not sent stays as it is."""

    first_name: str = ""
    last_name: str = ""
    language: str | None = None
    time_zone: str | None = None
    version: int = 0


class HandleForm(Form, frozen=True, kw_only=True):
    """The new Portico ID and the present password; ``username`` is there for password managers."""

    username: str = ""
    handle: str = ""
    current_password: str = ""


@dataclass(frozen=True, slots=True)
class ShownZone:
    """A time zone as the page offers it: ``Europe/Berlin`` is called Berlin, in Europe."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class ShownRegion:
    """Time zones of one part of the world."""

    code: str
    zones: tuple[ShownZone, ...]


class ProfilePages:
    """One's profile."""

    def __init__(self, *, room: Room, visitors: Visitors, profile: OwnProfile, languages: tuple[str, ...]) -> None:
        """``languages`` are those a person can choose."""
        self._room = room
        self._visitors = visitors
        self._profile = profile
        self._languages = languages

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", PROFILE, self.show_profile, Access.SIGNED_IN),
            Endpoint("POST", PROFILE, self.change_profile, Access.SIGNED_IN),
            Endpoint("GET", FORMER_PROFILE, self.lead_to_profile, Access.SIGNED_IN),
            Endpoint("GET", HANDLE, self.show_handle, Access.SIGNED_IN),
            Endpoint("POST", HANDLE, self.change_handle, Access.SIGNED_IN),
            Endpoint("POST", PICTURES, self.set_picture, Access.SIGNED_IN),
            Endpoint("POST", PICTURES + "/remove", self.remove_picture, Access.SIGNED_IN),
            Endpoint("GET", PICTURES + "/{digest}", self.show_picture, Access.SIGNED_IN),
        )

    async def lead_to_profile(self, request: Request) -> Response:
        """Where the name was changed once."""
        return self._room.pages.go(request, PROFILE)

    async def show_profile(self, request: Request) -> Response:
        """Where the profile is changed."""
        signed_in = await self._room.gate.get_signed_in(request)
        notice = self._room.pages.find_notice(request)
        account, typed = signed_in.account, notice.values
        time_zone = typed.get("time_zone", account.time_zone)
        return self._room.show(
            request,
            signed_in,
            "my_account/profile.html",
            first_name=typed.get("first_name", account.first_name),
            last_name=typed.get("last_name", account.last_name),
            language=typed.get("language", account.language),
            languages=self._languages,
            time_zone=time_zone,
            regions=list_regions(),
            version=account.version,
            picture_max=UPLOAD_MAX,
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def change_profile(self, request: Request) -> Response:
        """Change the profile."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.read(request, signed_in, ProfileForm)
        profile = profile_of(signed_in, form.first_name, form.last_name, form.language, form.time_zone)
        try:
            await self._profile.change(signed_in, profile, form.version)
        except Conflict:
            failure = Failure(code="my_account.profile.changed_meanwhile")
        except BadInput as error:
            if "field" not in error.params:
                raise
            failure = Failure(code=f"my_account.name.{error.params['reason']}", field=str(error.params["field"]))
        else:
            response = self._room.say(request, OVERVIEW, message("my_account.profile.saved"))
            if profile.language != signed_in.account.language:
                self._room.pages.forget_picked_language(response)
            return response
        typed = {"first_name": form.first_name[:_TYPED_MAX], "last_name": form.last_name[:_TYPED_MAX]}
        chosen = {"language": profile.language, "time_zone": profile.time_zone}
        return self._room.refuse(request, PROFILE, failure, {**typed, **chosen})

    async def show_handle(self, request: Request) -> Response:
        """Where the Portico ID is changed, once."""
        signed_in = await self._room.gate.get_signed_in(request)
        notice = self._room.pages.find_notice(request)
        refusal = self._profile.find_handle_refusal(signed_in.account)
        return self._room.show(
            request,
            signed_in,
            "my_account/handle.html",
            present=signed_in.account.handle,
            identifier=signed_in.account.address,
            handle=notice.values.get("handle", ""),
            refusal=Message(refusal.code, refusal.params) if refusal else None,
            failure=notice.shown_failure() if refusal is None else None,
        )

    async def change_handle(self, request: Request) -> Response:
        """Change the Portico ID."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.read(request, signed_in, HandleForm)
        visitor = await self._visitors.browser(request)
        failure = await self._profile.change_handle(visitor, form.handle, form.current_password)
        if failure is not None:
            return self._room.refuse(request, HANDLE, failure, {"handle": form.handle[:_TYPED_MAX]})
        return self._room.say(request, OVERVIEW, message("my_account.handle.saved"))

    async def set_picture(self, request: Request) -> Response:
        """Replace the picture by an uploaded one."""
        signed_in = await self._room.gate.get_signed_in(request)
        try:
            upload = await self._room.pages.read_upload(request, "picture", UPLOAD_MAX, bound_to=signed_in.session.id)
            await self._profile.set_picture(signed_in, upload)
        except TooLarge:
            reason = "too_large"
        except BadInput as error:
            if "reason" not in error.params:
                raise
            reason = str(error.params["reason"])
        else:
            return self._room.say(request, PROFILE, message("my_account.picture.saved"))
        return self._room.refuse(request, PROFILE, Failure(code=f"my_account.picture.{reason}", field="picture"))

    async def remove_picture(self, request: Request) -> Response:
        """Take the picture away; initials stand in its place."""
        signed_in = await self._room.gate.get_signed_in(request)
        await self._room.read(request, signed_in, Form)
        await self._profile.remove_picture(signed_in)
        return self._room.say(request, PROFILE, message("my_account.picture.removed"))

    async def show_picture(self, request: Request) -> Response:
        """One's own picture, under the address that names its content."""
        signed_in = await self._room.gate.get_signed_in(request)
        picture = await self._profile.get_picture(signed_in, request.path_params["digest"])
        headers = {"cache-control": PICTURE_CACHE}
        return Response(picture.image, media_type=CONTENT_TYPE, headers=headers)


def list_regions() -> tuple[ShownRegion, ...]:
    """Every time zone, by the part of the world it lies in."""
    return tuple(
        ShownRegion(region.lower(), tuple(ShownZone(name, _label(name)) for name in names))
        for region, names in groupby(list_zones(), lambda name: name.partition("/")[0])
    )


def _label(name: str) -> str:
    return name.partition("/")[2].replace("_", " ").replace("/", ", ")
