"""Register the programs that hold recordings, so that orders to forget reach them.

data_store add NAME --holds TEXT --endpoint URL   prints the key, this once
data_store move NAME --endpoint URL
data_store rotate-key NAME                        prints the new key; the old one counts a day
data_store resend NAME                            sends what is not confirmed again
data_store retire NAME
data_store list
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent_app.erasure import actions, queries
from consent_app.people.queries import system_user
from portal.lib.keys import KeysMissing
from portal.lib.refusals import Refusal


class Command(BaseCommand):
    help = __doc__

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        for act in ("add", "move", "rotate-key", "resend", "retire"):
            named = acts.add_parser(act)
            named.add_argument("name")
            if act == "add":
                named.add_argument("--holds", required=True, help="what it holds, for staff")
            if act in ("add", "move"):
                named.add_argument("--endpoint", required=True, help="where it takes orders")
        acts.add_parser("list")

    def handle(self, *, act: str, name: str = "", **options: Any) -> None:
        try:
            self.stdout.write(self._done(act, name, options))
        except (Refusal, KeysMissing) as refused:
            raise CommandError(str(refused)) from refused

    def _done(self, act: str, name: str, options: dict[str, Any]) -> str:
        """Do it, and return what to print."""
        by = system_user()
        match act:
            case "add":
                endpoint, holds = options["endpoint"], options["holds"]
                return actions.add_store(name=name, holds=holds, endpoint=endpoint, by=by)[1]
            case "move":
                store = actions.move_store(name=name, endpoint=options["endpoint"], by=by)
                return f"{store} gets its orders at {store.endpoint} from now on."
            case "rotate-key":
                return actions.rotate_key(name=name, by=by)
            case "resend":
                return f"{actions.resend_orders(name=name, by=by)} orders are sent again."
            case "retire":
                store = actions.retire_store(name=name, by=by)
                return f"{store} gets no new orders. What it was given it still has to confirm."
            case _:
                return _listed()


def _listed() -> str:
    """Return a line for each store: name, id, endpoint, whether it is active."""
    lines = [
        "\t".join(
            [store.name, str(store.pk), store.endpoint, "retired" if store.retired_at else "active"]
        )
        for store in queries.all_stores()
    ]
    return "\n".join(lines) or "No store is registered."
