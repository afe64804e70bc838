"""Profile pictures: whatever was uploaded is decoded and encoded anew, so that nothing of it is kept but its pixels.

Decoding runs in a thread, one picture at a time, outside any transaction. Only JPEG, PNG and WebP are tried, the size
is read before a pixel is, and what our encoder writes carries no metadata, no colour profile and no second frame.
"""

import asyncio
import hashlib
import io
from datetime import datetime, timedelta
from typing import Any

from portico.accounts import store
from portico.accounts.model import Account, Picture
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Reader, Transaction
from portico.kernel.errors import BadInput, Busy

UPLOAD_MAX = 5_000_000
"""Bytes of an upload."""
PIXELS_MAX = 40_000_000
SIDE = 256
"""Pixels of each side of a kept picture."""
CONTENT_TYPE = "image/webp"
_JPEG, _SCAN = b"\xff\xd8", b"\xff\xda"
_SCANS_MAX = 100
"""Scans in a JPEG (ITU-T T.81 section B.2.3): each may cost a pass over the whole picture; six or ten are usual."""
_FORMATS = ("JPEG", "PNG", "WEBP")
_WAITING_MAX = 8
_QUALITY = 84
_COME_BACK = timedelta(seconds=5)


class Pictures:
    """The profile pictures of a deployment."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def encode(self, upload: bytes) -> bytes:
        """An uploaded picture as we keep it.

        Raises BadInput with a reason for what is no picture of ours, Busy when too many are waiting.
        """
        if not upload:
            raise BadInput("no picture at all", field="picture", reason="missing")
        if len(upload) > UPLOAD_MAX:
            raise BadInput("the picture has too many bytes", field="picture", reason="too_large")
        if self._waiting >= _WAITING_MAX:
            raise Busy(_COME_BACK, "too many pictures at once")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(encode_picture, upload)
        finally:
            self._waiting -= 1

    async def set_picture(self, tx: Transaction, now: datetime, account: Account, image: bytes) -> Picture:
        """Give an account a picture that :meth:`encode` made."""
        picture = Picture(digest=hashlib.sha256(image).hexdigest()[:32], image=image, changed_at=now)
        await store.set_picture(tx, account.id, picture)
        event = Event(kind=EventKind.PICTURE_CHANGED, subject_id=account.id, actor_id=account.id)
        await self._audit.append(tx, now, event)
        return picture

    async def remove_picture(self, tx: Transaction, now: datetime, account: Account) -> bool:
        """Take an account's picture away; False if it has none."""
        if not await store.remove_picture(tx, account.id):
            return False
        event = Event(kind=EventKind.PICTURE_REMOVED, subject_id=account.id, actor_id=account.id)
        await self._audit.append(tx, now, event)
        return True

    async def find_picture(self, reader: Reader, account_id: str) -> Picture | None:
        """An account's picture."""
        return await store.find_picture(reader, account_id)


def encode_picture(upload: bytes) -> bytes:
    """A picture cut to a square around its middle, as WebP without metadata; raises BadInput if it is none."""
    # Heavy, and of use only to those who change their picture: docs/decisions/0004-lazy-imports.md.
    import PIL.Image
    import PIL.ImageOps

    if upload.startswith(_JPEG) and upload.count(_SCAN) > _SCANS_MAX:
        raise BadInput("a picture in too many scans", field="picture", reason="unreadable")
    PIL.Image.MAX_IMAGE_PIXELS = None  # our own bound is stricter, and is no warning
    try:
        with PIL.Image.open(io.BytesIO(upload), formats=_FORMATS) as opened:
            is_small_enough = opened.width * opened.height <= PIXELS_MAX
            opened.draft("RGB", (2 * SIDE, 2 * SIDE))
            square: Any = None
            if is_small_enough:
                upright: Any = PIL.ImageOps.exif_transpose(_plain(opened))
                square = PIL.ImageOps.fit(upright, (SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
    except Exception as error:  # decoders fail in as many ways as there are ways to spoil a file
        raise BadInput(f"no picture: {type(error).__name__}", field="picture", reason="unreadable") from error
    if square is None:
        raise BadInput("the picture has too many pixels", field="picture", reason="too_many_pixels")
    square.info = {}
    written = io.BytesIO()
    square.save(written, "WEBP", quality=_QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return written.getvalue()


def _plain(opened: Any) -> Any:
    """The first frame, in colours that can be scaled; its turn (EXIF orientation) is still to be applied."""
    opened.load()
    if opened.mode in {"RGB", "RGBA"}:
        return opened
    has_alpha = "transparency" in opened.info or opened.mode in {"LA", "PA", "La", "RGBa"}
    return opened.convert("RGBA" if has_alpha else "RGB")
