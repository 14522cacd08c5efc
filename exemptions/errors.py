"""The refusals of this room."""

from portal.lib.refusals import Refusal


class FileRefused(Refusal):
    """Of what somebody attaches; each kind of it says what to do instead."""

    code = "file_refused"
    message = "This file can't be attached."


class FileEmpty(FileRefused):
    code = "file_empty"
    message = "This file is empty. Look at it on your computer, then attach it again."


class FileTooLarge(FileRefused):
    code = "file_too_large"
    message = "This file is larger than 10 MB. Attach a smaller one, or a part of it."


class FileKindRefused(FileRefused):
    code = "file_kind_refused"
    message = (
        "Only PDF, PNG, JPEG and plain text (UTF-8) can be attached. Save this file as one of them."
    )


class FileUnreadable(FileRefused):
    code = "file_unreadable"
    message = "This file is damaged or not complete. Open and save it once more, then attach it."


class PictureTooLarge(FileRefused):
    code = "picture_too_large"
    message = "This picture has too many pixels. Make it smaller, then attach it again."


class TooManyFiles(FileRefused):
    code = "too_many_files"
    message = "A request holds 5 files. Remove one to attach another."
