"""Lets `python -m consent_agent` stand for the `consent-agent` command."""

import sys

from consent_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
