"""The tables of the register: versions with their parts, notices, what people said to them."""

from consent_app.register.models.notices import (
    ConsentChoice,
    ConsentRecord,
    Notice,
    NoticeForm,
    NoticeRecord,
    NoticeStage,
)
from consent_app.register.models.versions import (
    KIND,
    MAX_DOCUMENT_BYTES,
    SLUG,
    Application,
    Category,
    DataKind,
    RegisterVersion,
    Safeguard,
    Sensitivity,
    VersionState,
)

__all__ = [
    "KIND",
    "MAX_DOCUMENT_BYTES",
    "SLUG",
    "Application",
    "Category",
    "ConsentChoice",
    "ConsentRecord",
    "DataKind",
    "Notice",
    "NoticeForm",
    "NoticeRecord",
    "NoticeStage",
    "RegisterVersion",
    "Safeguard",
    "Sensitivity",
    "VersionState",
]
