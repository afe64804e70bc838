"""A device in Chromium that keeps passkeys: the browser's own virtual authenticator (WebAuthn, section 11)."""

from dataclasses import dataclass

from playwright.async_api import CDPSession, Page


@dataclass
class VirtualDevice:
    """A fingerprint reader, say, which is in this tab."""

    session: CDPSession
    id: str

    @classmethod
    async def on(cls, page: Page) -> "VirtualDevice":
        """A device that answers at once, and has verified who holds it."""
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
        added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(session, added["authenticatorId"])

    async def verify(self, *, is_verified: bool) -> None:
        """From now on the device knows its holder, or does not."""
        await self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": is_verified})

    async def answer(self, *, is_present: bool) -> None:
        """From now on its holder touches the device when asked, or does not."""
        asked = {"authenticatorId": self.id, "enabled": is_present}
        await self.session.send("WebAuthn.setAutomaticPresenceSimulation", asked)

    async def count(self) -> int:
        """How many passkeys it keeps."""
        kept = await self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return len(kept["credentials"])
