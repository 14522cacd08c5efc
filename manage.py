#!/usr/bin/env python
"""Run a Django command, with the embedded servers when no real ones are named.

The commands that make or change tables run as the role that owns them; every other one runs as
the role that serves requests, which can't rewrite the audit log.
"""

import os
import sys

from django.core.management import execute_from_command_line

from portal.embedded import embedded_services

OWNER_COMMANDS = {"prepare_database", "migrate", "erase_details"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    with embedded_services():
        if OWNER_COMMANDS.intersection(sys.argv[1:2]) and os.environ.get("DATABASE_OWNER_URL"):
            os.environ["DATABASE_URL"] = os.environ["DATABASE_OWNER_URL"]
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
