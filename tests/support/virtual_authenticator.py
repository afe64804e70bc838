"""A passkey authenticator inside Chromium, over its debugging protocol (WebAuthn): fingerprints without a finger."""

from dataclasses import dataclass

from playwright.async_api import CDPSession, Page


@dataclass
class VirtualAuthenticator:
    """What a laptop with a fingerprint reader has built in; one to a page."""

    session: CDPSession
    id: str

    async def recognise(self, *, whoever: bool) -> None:
        """Whether the finger that is put on it is the right one from now on."""
        await self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": whoever})

    async def touched(self, *, at_once: bool) -> None:
        """Whether somebody puts a finger on it, and chooses what autofill offers, as soon as a page asks."""
        await self.session.send(
            "WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": self.id, "enabled": at_once}
        )

    async def count(self) -> int:
        """How many passkeys it holds."""
        answer = await self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return len(answer["credentials"])


async def built_in(page: Page) -> VirtualAuthenticator:
    """Build one into the device a page is shown on."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return VirtualAuthenticator(session, made["authenticatorId"])
