"""The memory and open files of the processes that are measured, once a second."""

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")


@dataclass
class Watched:
    """Samples of one process: seconds since the start, resident kB, open files."""

    pid: int
    samples: list[tuple[float, int, int]] = field(default_factory=list)

    def sample(self, since: float) -> None:
        """Add a sample; nothing where the process ended or the system doesn't tell."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            now = time.monotonic() - since
            self.samples.append((round(now, 1), resident_kb(self.pid), open_files(self.pid)))

    def summary(self) -> dict[str, object]:
        kilobytes = [sample[1] for sample in self.samples]
        files = [sample[2] for sample in self.samples]
        if not self.samples:
            return {"pid": self.pid, "samples": []}
        return {
            "pid": self.pid,
            "rss_kb": {"first": kilobytes[0], "last": kilobytes[-1], "most": max(kilobytes)},
            "files": {"first": files[0], "last": files[-1], "most": max(files)},
            "samples": self.samples,
        }


def resident_kb(pid: int) -> int:
    """Return how much memory the process has in RAM; raises OSError when it has ended."""
    status = (PROC / str(pid) / "status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmRSS:")[2].split()[0])


def open_files(pid: int) -> int:
    return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
