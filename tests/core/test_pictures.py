"""Profile pictures: what was uploaded is decoded and encoded anew; nothing of it is kept but its pixels."""

import asyncio
import contextlib
import io

import PIL.Image
import pytest

from portico.accounts.pictures import PIXELS_MAX, SIDE, UPLOAD_MAX, Pictures, encode_picture
from portico.audit.service import Audit
from portico.kernel.chance import SystemChance
from portico.kernel.errors import BadInput, Busy
from tests.support.pictures import picture, png_that_claims

RED, BLUE = (255, 0, 0), (0, 0, 255)
ORIENTATION = 0x0112


def kept(upload: bytes) -> PIL.Image.Image:
    """What becomes of an upload."""
    made = PIL.Image.open(io.BytesIO(encode_picture(upload)))
    assert (made.format, made.size) == ("WEBP", (SIDE, SIDE))
    made.load()
    return made


def is_near(pixel: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 40 for one, other in zip(pixel, wanted, strict=False))


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (1, 1), (2_000, 3), (5_000, 400)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_any_shape_becomes_a_square(kind: str, size: tuple[int, int]) -> None:
    kept(picture(kind, size))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_way_to_write_colours_can_be_read(mode: str) -> None:
    made = PIL.Image.new("L", (90, 60), 200).convert(mode) if mode != "I;16" else PIL.Image.new("I;16", (90, 60))
    written = io.BytesIO()
    made.save(written, "PNG")
    kept(written.getvalue())


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_every_way_of_a_jpeg_can_be_read(mode: str) -> None:
    kept(picture("JPEG", mode=mode))


def test_the_middle_is_kept() -> None:
    made = kept(picture("PNG", (400, 200))).convert("RGB")
    assert is_near(made.getpixel((20, 128)), RED)
    assert is_near(made.getpixel((235, 128)), BLUE)


def test_a_picture_that_lies_on_its_side_is_turned() -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6  # turn right by a quarter: what was left is above
    made = kept(picture("JPEG", (200, 200), exif=exif)).convert("RGB")
    assert is_near(made.getpixel((128, 20)), RED)
    assert is_near(made.getpixel((128, 235)), BLUE)


def test_nothing_is_kept_but_pixels() -> None:
    exif = PIL.Image.Exif()
    exif[0x010F] = "A camera that can be traced"
    exif[ORIENTATION] = 1
    for kind in ("JPEG", "PNG", "WEBP"):
        upload = picture(kind, exif=exif, icc_profile=b"a profile nobody should see")
        assert b"traced" in upload
        image = encode_picture(upload)
        assert b"traced" not in image
        assert b"profile" not in image
        assert not kept(upload).info.keys() & {"exif", "xmp", "icc_profile", "comment"}
        assert not PIL.Image.open(io.BytesIO(image)).getexif()


def test_what_is_transparent_stays_so() -> None:
    written = io.BytesIO()
    PIL.Image.new("RGBA", (64, 64), (10, 20, 30, 0)).save(written, "PNG")
    assert kept(written.getvalue()).mode == "RGBA"


def test_of_a_moving_picture_the_first_frame_is_kept() -> None:
    frames = [PIL.Image.new("RGB", (50, 50), colour) for colour in (RED, BLUE, BLUE)]
    for kind in ("PNG", "WEBP"):
        written = io.BytesIO()
        frames[0].save(written, kind, save_all=True, append_images=frames[1:])
        made = kept(written.getvalue())
        assert getattr(made, "n_frames", 1) == 1
        assert is_near(made.convert("RGB").getpixel((128, 128)), RED)


GOOD = picture("JPEG", (600, 400))
HOSTILE = {
    "one byte": b"\xff",
    "text": b"hello",
    "a page": b"<!doctype html><script>alert(1)</script>",
    "a drawing with script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a PostScript file": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "a GIF": picture("GIF"),
    "a PNG cut short": picture("PNG")[:80],
    "a JPEG cut short": GOOD[: len(GOOD) // 2],
    "a WebP cut short": picture("WEBP")[:40],
    "a head only": b"\x89PNG\r\n\x1a\n",
    "a PNG without pixels": png_that_claims(100, 100),
    "no width": png_that_claims(0, 100),
    "a WebP in name": b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 30,
    "a TIFF": b"II*\x00\x08\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("upload", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_picture_is_refused(upload: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        encode_picture(upload)
    assert caught.value.params == {"field": "picture", "reason": "unreadable"}


def test_spoilt_pictures_are_read_or_refused_and_nothing_else() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        good = picture(kind, (120, 90))
        for at in range(0, len(good), max(1, len(good) // 60)):
            spoilt = good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]
            with contextlib.suppress(BadInput):
                kept(spoilt)


@pytest.mark.parametrize("size", [(60_000, 60_000), (40_001, 1_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_not_unpacked(size: tuple[int, int]) -> None:
    with pytest.raises(BadInput) as caught:
        encode_picture(png_that_claims(*size, b"\0" * 1_000))
    assert caught.value.params["reason"] in {"too_many_pixels", "unreadable"}


def test_forty_megapixels_are_the_most_there_may_be() -> None:
    width, height = 8_000, PIXELS_MAX // 8_000
    kept(picture("JPEG", (width, height)))
    with pytest.raises(BadInput) as caught:
        encode_picture(picture("JPEG", (width, height + 1)))
    assert caught.value.params["reason"] == "too_many_pixels"


async def test_bytes_are_counted_before_anything_is_read() -> None:
    pictures = Pictures(Audit(SystemChance()))
    for upload, reason in ((b"", "missing"), (b"x" * (UPLOAD_MAX + 1), "too_large")):
        with pytest.raises(BadInput) as caught:
            await pictures.encode(upload)
        assert caught.value.params == {"field": "picture", "reason": reason}


async def test_of_many_pictures_at_once_some_are_asked_to_come_back() -> None:
    pictures = Pictures(Audit(SystemChance()))
    upload = picture("PNG", (900, 900))
    results = await asyncio.gather(*(pictures.encode(upload) for _ in range(20)), return_exceptions=True)
    done = [each for each in results if isinstance(each, bytes)]
    assert len(set(done)) == 1
    assert len(done) + sum(isinstance(each, Busy) for each in results) == 20
    assert len(done) < 20
    assert await pictures.encode(upload) == done[0], "afterwards there is room again"


def test_a_picture_in_very_many_scans_is_refused_before_it_is_decoded() -> None:
    """Each scan may cost a pass over all pixels, and takes but a few bytes."""
    whole = picture("JPEG", (64, 64))
    scan = whole.index(b"\xff\xda")
    repeated = whole[:-2] + 200 * whole[scan:-2] + whole[-2:]
    with pytest.raises(BadInput) as caught:
        encode_picture(repeated)
    assert caught.value.params["reason"] == "unreadable"
    assert "scans" in str(caught.value)
