"""JSON answers."""

import msgspec
from starlette.responses import Response

_encoder = msgspec.json.Encoder()


def json_response(document: object, *, status: int = 200) -> Response:
    """A document as an answer."""
    return Response(_encoder.encode(document), status_code=status, media_type="application/json")


def no_content() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204)
