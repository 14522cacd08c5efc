"""How long what no page waits for takes: timekeeping, the morning's mail, the whole log."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from consent_app.audit.verification import verify_log
from exemptions.actions.digest import send_digests
from exemptions.actions.timekeeping import keep_time
from exemptions.models import ReviewStep
from tests.bench.figures import table

DUE = 500


def measure_chores() -> dict[str, float]:
    """Return the seconds of each; raises RuntimeError if one did not do what it is measured for."""
    keep_time()  # what came due since the requests were made up
    seconds = {"keep_time, nothing due": _seconds(keep_time, expected=0)}
    _let_steps_be_overdue()
    seconds[f"keep_time, {DUE} steps overdue"] = _seconds(keep_time, expected=DUE)
    seconds["send_digests"] = _seconds(send_digests)
    seconds["audit verify, the whole log"] = _seconds(lambda: verify_log([]).is_intact, expected=1)
    return seconds


def chores_table(chores: dict[str, float]) -> str:
    rows = [[name, f"{seconds:,.2f}"] for name, seconds in chores.items()]
    return table(["runs by itself", "seconds"], rows)


def _seconds(chore: Callable[[], int], *, expected: int | None = None) -> float:
    began = time.perf_counter()
    done = chore()
    seconds = time.perf_counter() - began
    if expected is not None and done != expected:
        raise RuntimeError(f"{done} where {expected} was expected")
    return seconds


def _let_steps_be_overdue() -> None:
    now = timezone.now()
    running = ReviewStep.objects.open().filter(due_at__gt=now, stopped_at__isnull=True)
    chosen = list(running.order_by("due_at").values_list("pk", flat=True)[:DUE])
    ReviewStep.objects.filter(pk__in=chosen).update(
        due_at=now - timedelta(hours=1), remind_at=now - timedelta(days=1), reminded_at=now
    )
