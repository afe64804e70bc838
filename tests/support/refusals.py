"""What every answer and every refusal of ours looks like, wherever it comes from."""

import re

import httpx

from portico.web.headers import CONTENT_SECURITY_POLICY, HSTS

CARRIED = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "strict-transport-security": HSTS,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""The headers of every answer of a deployment on https."""

_INSIDES = re.compile(r"Traceback|File \"|sqlite3|asyncpg|msgspec|SELECT |INSERT |UPDATE |/src/portico|site-packages")


def assert_carried(answer: httpx.Response) -> None:
    """The headers that every answer has, and none that tells what we run on."""
    for name, value in CARRIED.items():
        assert answer.headers.get_list(name) == [value], (name, answer.headers.get_list(name))
    assert answer.headers["x-request-id"]
    if answer.url.path.startswith("/static/") and answer.status_code == 200:
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    elif answer.url.path.startswith("/account/picture/") and answer.status_code == 200:
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    else:
        assert answer.headers["cache-control"] == "no-store"
    assert not {"server", "x-powered-by", "access-control-allow-origin"} & set(answer.headers)
    if answer.content:
        kind = answer.headers["content-type"]
        assert "charset=utf-8" in kind or "json" in kind or kind == "image/webp"


def assert_refused(answer: httpx.Response, *statuses: int) -> None:
    """A refusal anybody understands: one of these statuses, a whole page or problem document, none of our insides."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:500])
    assert_carried(answer)
    assert not _INSIDES.search(answer.text), answer.text
    if answer.headers["content-type"].startswith("text/html"):
        assert re.search(r"<title>[^<{]+ \| [^<]+</title>", answer.text)
        assert re.search(r"<h1>[^<]+", answer.text)
        return
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].endswith(f"/api#{problem['code']}")
    assert not problem["title"].startswith("error.")
    assert not problem["detail"].startswith("error.")
