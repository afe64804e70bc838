"""A device's name, read coarsely from its User-Agent: enough to recognise one's own, useless for tracking. Pure."""

from portico.kernel.messages import Message, message

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


_NAMES = frozenset(name for _, name in _SYSTEMS)


def device_name(user_agent: str) -> str:
    """For example ``Firefox, Linux``; empty where nothing is recognised."""
    found = [next((name for mark, name in marks if mark in user_agent), "") for marks in (_BROWSERS, _SYSTEMS)]
    return ", ".join(part for part in found if part)


def device_words(name: str) -> Message:
    """A device as people call it: "Firefox on Linux"."""
    browser, _, system = name.partition(", ")
    if system in _NAMES:
        return message("device.browser_and_system", browser=browser, system=system)
    return message("device.named", name=name) if name else message("device.unknown")
