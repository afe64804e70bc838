"""The pages about the device one sits at: whether to make a passkey on it, and its name (S61, S62, S67, S68).

Nothing here needs a passkey: whoever has no script, or a browser or device that makes none, is told so and goes on.
"""

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.passkeys.model import NAME_MAX
from portico.kernel.messages import message
from portico.signin.situation import Situation
from portico.signin.step_pages import options_text, show_step
from portico.signin.steps import DeviceRegistered
from portico.web.pages import Pages

FORM_OVER = message("passkey.form_over")


class PasskeyPages:
    """Shows the steps about passkeys that prove nothing."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def show_trust(self, request: Request, situation: Situation) -> Response:
        """The question whether to trust this device, with its three answers."""
        options = situation.setup.passkey if situation.setup else None
        return show_step(self._pages, request, "signin/trust_device.html", situation, passkey=options_text(options))

    def show_registered(self, request: Request, step: DeviceRegistered, situation: Situation) -> Response:
        """The passkey that was made, by a name that may be changed."""
        return show_step(
            self._pages, request, "signin/device_registered.html", situation, name=step.name, name_max=NAME_MAX
        )
