"""What is attached is what is seen and nothing else, or it is refused with what to do."""

import random
import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from exemptions.errors import (
    FileEmpty,
    FileKindRefused,
    FileRefused,
    FileTooLarge,
    FileUnreadable,
    PictureTooLarge,
)
from exemptions.files import MAX_FILE_BYTES, MAX_PIXELS, clean_file

CANARY = "CANARY-4b1d"
ORIENTATION, GPS, DESCRIPTION, GPS_PLACE = 0x0112, 0x8825, 0x010E, 0x001C
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n0\n%%EOF\n"


def picture(mode="RGB", size=(40, 20)):
    """Return one that is red in its upper left quarter and black elsewhere."""
    made = Image.new("RGB", size)
    made.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    return made.convert(mode)


def written(image, file_format="PNG", **options):
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def opened(content):
    image = Image.open(BytesIO(content))
    image.load()
    return image


def exif(orientation=1):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[DESCRIPTION] = CANARY
    tags.get_ifd(GPS)[GPS_PLACE] = b"ASCII\0\0\0" + CANARY.encode()
    return tags


def profile():
    """Return a colour profile that carries the canary behind it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + CANARY.encode()


def texts():
    kept = PngImagePlugin.PngInfo()
    kept.add_text("Comment", CANARY)
    kept.add_itxt("XML:com.adobe.xmp", CANARY)
    kept.add(b"prVt", CANARY.encode(), after_idat=True)
    return kept


def png_of(width, height):
    """Return a PNG that says it is this large, with a few compressed bytes behind."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_png_keeps_its_pixels_and_loses_what_is_written_beside_them():
    given = written(picture(), pnginfo=texts(), exif=exif(), icc_profile=profile())

    clean = clean_file(given)

    assert CANARY.encode() in given
    assert CANARY.encode() not in clean.content
    assert (clean.media_type, clean.extension) == ("image/png", "png")
    assert opened(clean.content).info == {}
    assert opened(clean.content).tobytes() == picture().tobytes()


def test_jpeg_loses_place_comment_profile_and_xmp():
    given = written(
        picture(), "JPEG", exif=exif(), comment=CANARY, icc_profile=profile(), xmp=CANARY.encode()
    )

    clean = clean_file(given)

    assert given.count(CANARY.encode()) == 5
    assert CANARY.encode() not in clean.content
    assert (clean.media_type, clean.extension) == ("image/jpeg", "jpg")
    assert not opened(clean.content).getexif()
    assert opened(clean.content).info.keys() <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
    }


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (40, 20), (5, 5)),
        (2, (40, 20), (35, 5)),
        (3, (40, 20), (35, 15)),
        (4, (40, 20), (5, 15)),
        (5, (20, 40), (5, 5)),
        (6, (20, 40), (15, 5)),
        (7, (20, 40), (15, 35)),
        (8, (20, 40), (5, 35)),
        (99, (40, 20), (5, 5)),
    ],
)
def test_picture_stands_upright_without_its_orientation(file_format, orientation, size, red_at):
    given = written(picture(), file_format, exif=exif(orientation))

    clean = opened(clean_file(given).content)

    assert clean.size == size
    assert clean.getpixel(red_at)[0] > 200
    assert ORIENTATION not in clean.getexif()


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("1", "L"), ("L", "L"), ("LA", "RGBA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA")],
)
def test_png_of_each_kind_looks_the_same(mode, kept):
    given = picture(mode)

    clean = opened(clean_file(written(given)).content)

    assert clean.mode == kept
    assert clean.tobytes() == given.convert(kept).tobytes()


def test_png_of_16_bits_a_pixel_keeps_its_greys():
    given = written(Image.new("I;16", (3, 3), 0x8000))

    assert opened(clean_file(given).content).getpixel((0, 0)) == 0x80


def test_transparent_colour_of_a_png_stays_transparent():
    given = written(picture(), transparency=(255, 0, 0))

    assert opened(clean_file(given).content).getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_of_other_colours_is_taken(mode):
    assert opened(clean_file(written(picture(mode), "JPEG")).content).size == (40, 20)


def test_photograph_keeps_its_first_picture_only():
    second = picture(size=(8, 8))
    given = written(picture(), "MPO", save_all=True, append_images=[second])

    clean = opened(clean_file(given).content)

    assert (clean.format, clean.size) == ("JPEG", (40, 20))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_what_hides_behind_a_picture_is_cut_off(file_format):
    archive = b"PK\x03\x04" + CANARY.encode() + PDF

    clean = clean_file(written(picture(), file_format) + archive)

    assert b"CANARY" not in clean.content
    assert b"%PDF-" not in clean.content


@pytest.mark.parametrize("size", [(MAX_PIXELS // 1000 + 1, 1000), (10**9, 10**9)])
def test_refuses_a_picture_of_too_many_pixels_before_decoding_it(size):
    with pytest.raises(PictureTooLarge):
        clean_file(png_of(*size))


def test_refuses_a_jpeg_of_too_many_pixels():
    given = bytearray(written(picture(), "JPEG"))
    at = given.index(b"\xff\xc0") + 5
    given[at : at + 4] = struct.pack(">HH", 65500, 65500)

    with pytest.raises(PictureTooLarge):
        clean_file(bytes(given))


def test_refuses_text_in_a_png_that_unpacks_to_too_much():
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("Comment", "x" * 100_000_000, zip=True)

    with pytest.raises(FileUnreadable):
        clean_file(written(picture(), pnginfo=bomb))


def test_refuses_a_picture_that_is_too_large_once_it_is_written_anew():
    noise = Image.effect_noise((2800, 2800), 100).convert("P")
    noise.putpalette(random.Random(1).randbytes(768))  # noqa: S311 (noise, no secret)
    given = written(noise)
    assert len(given) < MAX_FILE_BYTES

    with pytest.raises(PictureTooLarge):
        clean_file(given)


def test_refuses_a_moving_picture():
    given = written(picture(), save_all=True, append_images=[picture("L").convert("RGB")])

    with pytest.raises(FileKindRefused, match="moves"):
        clean_file(given)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_refuses_a_picture_that_is_not_complete(file_format, part):
    given = written(Image.effect_noise((64, 64), 50), file_format)

    with pytest.raises(FileUnreadable):
        clean_file(given[: int(len(given) * part)])


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_damaged_picture_is_refused_or_cleaned_and_nothing_else(file_format):
    given = written(picture(), file_format, exif=exif(6), icc_profile=profile())
    chance = random.Random(3)  # noqa: S311 (damage, no secret)

    for _ in range(1500):
        damaged = bytearray(given)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        with warnings.catch_warnings(action="ignore"), suppress(FileRefused):
            assert len(clean_file(bytes(damaged)).content) < MAX_FILE_BYTES


def test_pdf_is_kept_as_it_came():
    clean = clean_file(PDF)

    assert (clean.media_type, clean.extension, clean.content) == ("application/pdf", "pdf", PDF)


@pytest.mark.parametrize("given", [PDF[:-7], PDF + bytes(2000), b"%PDF-1.7", b"%PDF-x.y\n%%EOF"])
def test_refuses_a_pdf_without_its_beginning_or_end(given):
    with pytest.raises(FileUnreadable):
        clean_file(given)


@pytest.mark.parametrize("before", ["<html><script>alert(1)</script>", " ", "\ufeff", "x" * 900])
def test_refuses_a_pdf_that_begins_as_something_else(before):
    with pytest.raises(FileKindRefused):
        clean_file(before.encode() + PDF)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("My doctor says no.\r\n\tTwice.\n", "My doctor says no.\r\n\tTwice.\n"),
        ("\ufeffWith a mark", "With a mark"),
        ("Cafe\u0301", "Café"),
        ("\u202eabc\u200d", "\u202eabc\u200d"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("BMW and MZ are motorcycles", "BMW and MZ are motorcycles"),
    ],
)
def test_text_is_kept_in_one_form(given, kept):
    clean = clean_file(given.encode())

    assert (clean.media_type, clean.extension) == ("text/plain", "txt")
    assert clean.content.decode() == kept


@pytest.mark.parametrize(
    "given",
    [
        b"\xe9t\xe9", "UTF-16".encode("utf-16"), b"a\0b", b"a\x1bb", b"a\x7fb", "a\x85b".encode(),
        b"\xed\xa0\x80", b"PK\x03\x04 an archive", b"GIF89a;", b"{\\rtf1 text}", b"%!PS-Adobe-3.0",
        b"MZ\x90\0", b"\x7fELF", b"RIFF\x10\0\0\0WEBPVP8 ", b"\x89PNG\n", b"\xff\xd8\0",
    ],
)  # fmt: skip
def test_refuses_other_kinds(given):
    with pytest.raises(FileKindRefused):
        clean_file(given)


def test_refuses_marks_without_end_on_one_letter_at_once():
    with pytest.raises(FileUnreadable):
        clean_file(("a" + "\u0315\u0300" * 1_000_000).encode())


@pytest.mark.parametrize("given", [b"", b"\xef\xbb\xbf", b" \r\n\t"])
def test_refuses_an_empty_file(given):
    with pytest.raises(FileEmpty):
        clean_file(given)


def test_takes_a_file_of_the_full_size_and_refuses_one_byte_more():
    full = b"x" * MAX_FILE_BYTES

    assert clean_file(full).content == full
    with pytest.raises(FileTooLarge):
        clean_file(full + b"x")


def test_refuses_text_that_grows_beyond_the_limit():
    grows = "\u0958"  # decomposes into two characters of three bytes each

    with pytest.raises(FileTooLarge):
        clean_file((grows * (MAX_FILE_BYTES // 3)).encode())
