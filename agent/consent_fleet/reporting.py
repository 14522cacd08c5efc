"""The report, as lines that people read."""

from collections.abc import Iterator, Mapping
from typing import Any


def lines_of(report: Mapping[str, Any]) -> Iterator[str]:
    """Say what `running.run` returned."""
    seconds = report["measured_seconds"]
    yield f"{report['devices']:,} devices, {report['mode']}, {seconds:.0f} s"
    yield f"the fleet itself took {report['own_core']:.0%} of a core"
    for name, spread in report["times"].items():
        figures = "  ".join(
            f"{key} {spread[key] * 1000:,.2f} ms" for key in ("p50", "p95", "p99", "longest")
        )
        rate = spread["count"] / seconds if seconds else 0
        yield f"{name}: {spread['count']:,} ({rate:,.0f}/s)  {figures}"
    for name, count in report["counts"].items():
        yield f"{name}: {count:,}"
    for one in report["watched"]:
        yield f"process {one['pid']}: {_memory(one)}"
    yield from (f"ERROR {kind}: {count:,}" for kind, count in report["errors"].items())


def _memory(one: Mapping[str, Any]) -> str:
    if not one["samples"]:
        return "not seen"
    memory, files = one["rss_kb"], one["files"]
    return (
        f"{memory['first'] / 1024:,.0f} MB at first, {memory['last'] / 1024:,.0f} at last, "
        f"{memory['most'] / 1024:,.0f} at most; {files['first']:,} files open at first, "
        f"{files['last']:,} at last"
    )
