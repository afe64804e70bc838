"""The headers every answer carries, whoever made it."""

from portico.web.base_url import BaseUrl

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing from elsewhere, nothing inline, in no frame (Content Security Policy Level 3)."""

HSTS = "max-age=63072000; includeSubDomains"
"""Two years (RFC 6797)."""


def security_headers(base_url: BaseUrl) -> tuple[tuple[bytes, bytes], ...]:
    """Name and value of each, encoded once."""
    headers = {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    if base_url.is_secure:
        headers["strict-transport-security"] = HSTS
    return tuple((name.encode(), value.encode()) for name, value in headers.items())
