"""Lets `python -m consent_fleet` start the fleet."""

import sys

from consent_fleet.cli import main

if __name__ == "__main__":
    sys.exit(main())
