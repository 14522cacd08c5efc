"""What happens in the demo's invented past, each thing at its time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Moment:
    at: datetime
    act: Callable[[], object]
