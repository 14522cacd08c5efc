"""Lines for whoever sits at this computer; nothing in them can steer a terminal."""

import sys

from consent_agent.wording import printable


def announce(line: str) -> None:
    print(printable(line), flush=True)


def complain(line: str) -> None:
    print(printable(line), file=sys.stderr)
