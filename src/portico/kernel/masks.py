"""Addresses as they are shown to whoever may not be their owner (D18)."""

_STARS_AFTER_LOCAL = "*" * 5
_STARS_AFTER_DOMAIN = "*" * 4
_SHORT = 6


def masked_address(address: str) -> str:
    """``char*****@email****``: enough to recognise one's own; the number of stars never tells a length.

    Shown are four characters of the local part, or one of one shorter than six; and five of the domain, or two where
    its first label is shorter than six.
    """
    local, _, domain = address.rpartition("@")
    label = domain.partition(".")[0]
    shown_local = local[:4] if len(local) >= _SHORT else local[:1]
    shown_domain = domain[:5] if len(label) >= _SHORT else domain[:2]
    return f"{shown_local}{_STARS_AFTER_LOCAL}@{shown_domain}{_STARS_AFTER_DOMAIN}"
