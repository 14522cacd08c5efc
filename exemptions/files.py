"""What somebody attaches to a request, made clean or refused.

Only the bytes say what a file is: neither its name nor the browser's content type is read. Pictures
are decoded and written anew, upright, so that nothing travels with them but what is seen. A PDF is
kept as it came, with what its program wrote about the author; it and text are only ever downloaded
as an attachment. A PDF with a password is kept too: most open without one and forbid only printing.
"""

import re
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from exemptions.errors import (
    FileEmpty,
    FileKindRefused,
    FileTooLarge,
    FileUnreadable,
    PictureTooLarge,
)
from exemptions.rules import MAX_MARKS_ON_A_LETTER

MAX_FILES = 5  # a request
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000  # 200 MB once decoded; above what telephones take by themselves
JPEG_QUALITY = 88

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
PDF_START = re.compile(rb"%PDF-[12]\.\d")
PDF_END = b"%%EOF"
# Readers of PDF look this far from either end.
PDF_SEARCHED_BYTES = 1024

# Other formats that are valid text, or may be.
BINARY_STARTS = ("GIF87a", "GIF89a", "%!PS", "{\\rtf")
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

TURN_OF_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises on damaged bytes, by part of the file.
UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CleanFile:
    media_type: str
    extension: str
    content: bytes


def clean_file(content: bytes) -> CleanFile:
    """Return what may be kept of `content`, never more than MAX_FILE_BYTES.

    Raises:
        FileRefused: one of its kinds, each with what the person can do.
    """
    if not content:
        raise FileEmpty
    if len(content) > MAX_FILE_BYTES:
        raise FileTooLarge
    if content.startswith(PNG_START):
        return CleanFile("image/png", "png", _clean_png(content))
    if content.startswith(JPEG_START):
        return CleanFile("image/jpeg", "jpg", _clean_jpeg(content))
    if content.startswith(b"%PDF-"):
        return CleanFile("application/pdf", "pdf", _checked_pdf(content))
    return CleanFile("text/plain", "txt", _clean_text(content))


def _clean_png(content: bytes) -> bytes:
    picture = _decoded(PngImageFile, content)
    if picture.has_transparency_data:
        return _written(picture, "RGBA", "PNG")
    if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow would cut them off, not scale
        picture = picture.convert("I").point(lambda value: value / 256)
    return _written(picture, "L" if picture.mode in ("1", "L", "I") else "RGB", "PNG")


def _clean_jpeg(content: bytes) -> bytes:
    """Keep the first picture only; telephones append previews and depth maps."""
    picture = _decoded(JpegImageFile, content)
    return _written(picture, "L" if picture.mode == "L" else "RGB", "JPEG")


def _decoded(kind: type[ImageFile], content: bytes) -> Image.Image:
    """Return the picture upright; it may still carry what surrounded it.

    Pillow's `Image.open` would tell of bombs by a warning, above more pixels than are taken here.
    """
    try:
        picture = kind(BytesIO(content))
        if picture.width * picture.height > MAX_PIXELS:
            raise PictureTooLarge
        if getattr(picture, "is_animated", False):
            raise FileKindRefused("This picture moves. Attach a still one.")
        picture.load()
        turn = TURN_OF_ORIENTATION.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
        return picture if turn is None else picture.transpose(turn)
    except UNREADABLE as error:
        raise FileUnreadable from error


def _written(picture: Image.Image, mode: str, file_format: str) -> bytes:
    if picture.mode != mode:
        picture = picture.convert(mode)
    # Pillow writes comments and colour profiles from here, asked or not.
    picture.info.clear()
    written = BytesIO()
    picture.save(written, file_format, quality=JPEG_QUALITY)  # a PNG takes no notice of it
    if written.tell() > MAX_FILE_BYTES:
        raise PictureTooLarge
    return written.getvalue()


def _checked_pdf(content: bytes) -> bytes:
    if not PDF_START.match(content):
        raise FileUnreadable
    if PDF_END not in content[-PDF_SEARCHED_BYTES:]:
        raise FileUnreadable
    return content


def _clean_text(content: bytes) -> bytes:
    text = _decoded_text(content)
    if not text.strip():
        raise FileEmpty
    if text.startswith(BINARY_STARTS) or "%PDF-" in text[:PDF_SEARCHED_BYTES]:
        raise FileKindRefused
    if CONTROL_CHARACTERS.search(text):
        raise FileKindRefused
    clean = _normalised(text).encode()
    if len(clean) > MAX_FILE_BYTES:
        raise FileTooLarge
    return clean


def _decoded_text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileKindRefused from error


def _normalised(text: str) -> str:
    """Return `text` in NFC. Sorting thousands of marks on one letter would take minutes."""
    if unicodedata.is_normalized("NFC", text):
        return text
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS_ON_A_LETTER:
            raise FileUnreadable
    return unicodedata.normalize("NFC", text)
