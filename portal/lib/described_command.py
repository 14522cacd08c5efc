"""A command of manage.py whose help is its module's docstring, line by line."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class _Help(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keep the lines of the description."""


class DescribedCommand(BaseCommand):
    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser: CommandParser = super().create_parser(
            prog_name, subcommand, formatter_class=_Help, **kwargs
        )
        return parser
