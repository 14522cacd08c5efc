"""How long it takes to enrol 10,000 devices, each by a code of its own, over HTTP."""

from itertools import batched
from pathlib import Path

from django.utils import timezone

from consent_app.devices import codes
from consent_app.devices.models import EnrolmentCode
from tests.bench.bench import Bench
from tests.bench.copying import copy_models
from tests.bench.figures import milliseconds, thousands
from tests.bench.fleet import Enrolled
from tests.bench.fleets import run_fleet
from tests.bench.outcome import Figure, Outcome

DEVICES = 10_000
AT_ONCE = 8
# A code is good for 15 minutes.
LONGEST_MINUTES = 14
# The portal takes 20 attempts from an address.
ATTEMPTS_EACH = 10


def measure_enrolling(bench: Bench) -> Outcome:
    size = bench.size(DEVICES)
    file = bench.folder / "codes.txt"
    _write_codes(bench.fleet(size), file)
    options = ["--mode", "enrol", "--codes", str(file), "--minutes", str(LONGEST_MINUTES)]
    options += ["--connections", str(AT_ONCE), "--sources", str(max(2, size // ATTEMPTS_EACH))]
    with bench.page_server() as server:
        report = run_fleet(server.url, bench.folder / "enrolled.jsonl", 1, *options)
    file.unlink()
    times, seconds = report["times"]["enrolment"], report["measured_seconds"]
    outcome = Outcome(f"Enrolling {size:,} devices: one server process for pages on one core")
    outcome.add_errors(report["errors"])
    if report["counts"].get("not tried"):
        outcome.errors["not tried in time"] = report["counts"]["not tried"]
    each = f"{milliseconds(times['p50'])}, p99 {milliseconds(times['p99'])}"
    outcome.figures = [
        Figure(f"seconds for {thousands(times['count'])} devices", f"{seconds:,.1f}"),
        Figure("devices a second", thousands(times["count"] / seconds)),
        Figure(f"one enrolment, {AT_ONCE} at once: median ms", each),
    ]
    return outcome


def _write_codes(fleet: list[Enrolled], file: Path) -> None:
    now = timezone.now()
    file.touch(mode=0o600)
    with file.open("w", encoding="ascii") as lines:
        for batch in batched(fleet, 5000, strict=False):
            plain = [codes.new_code() for _ in batch]
            lines.writelines(f"{code}\n" for code in plain)
            copy_models([
                EnrolmentCode(
                    employee_id=one.employee, code_hash=codes.hash_of(code), issued_at=now,
                    expires_at=now + codes.LIFETIME,
                )
                for one, code in zip(batch, plain, strict=True)
            ])  # fmt: skip
