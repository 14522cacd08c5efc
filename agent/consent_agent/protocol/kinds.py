"""Which kinds of data are never collected: what a screen shows, and what is typed as a password.

A register that lists one is refused by the portal, its database and the device alike. A list of
words can be got round by other words, so people read each new kind as well. Source: design, 5.
"""

import re
from typing import Final

# Read alike by Python and PostgreSQL. What shows a screen or a face, or holds what a field hides.
NEVER_COLLECTED: Final = (
    "screen|display|desktop|framebuffer|pixel|bitmap|image|picture|photo|video|film|visual"
    "|snapshot|thumbnail|camera|webcam|(window|page|tab)[ _]?(content|text)"
    "|password|passcode|passphrase|secret|credential|(^|[^a-z])(ocr|frames?|pins?)([^a-z]|$)"
)
_NEVER: Final = re.compile(NEVER_COLLECTED, re.IGNORECASE)


def is_never_collected(name: str) -> bool:
    """Whether a kind's code, or its name for people, says that it is one of these."""
    return _NEVER.search(name) is not None
