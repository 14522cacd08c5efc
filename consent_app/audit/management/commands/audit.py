"""Check the audit log, print its head, prove an entry, or check a proof.

manage.py audit verify                        recompute everything
manage.py audit verify --against FILE         ... and compare with a checkpoint kept elsewhere
manage.py audit checkpoint > FILE             the signed tree head, to keep elsewhere
manage.py audit history SIZE ... > FILE       proof that the log only grew since it had SIZE entries
manage.py audit prove INDEX > FILE            the receipt of an entry, without its details
manage.py audit check FILE                    check a receipt by the keys of this portal
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.history import MAX_BYTES as MAX_HISTORY_BYTES
from consent_agent.protocol.history import read_kept
from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.receipts import MAX_BYTES, verify_receipt
from consent_app.audit import queries
from consent_app.audit.histories import checkpoint_of, head_now, history_since
from consent_app.audit.models import Leaf
from consent_app.audit.queries import TreeHead
from consent_app.audit.receipts import receipt_for
from consent_app.audit.verification import verify_log
from portal.lib.described_command import DescribedCommand
from portal.lib.keys import KeysMissing, published_keys


class Command(DescribedCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True)
        checking = parts.add_parser("verify", help="recompute everything")
        checking.add_argument(
            "--against",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="a checkpoint, receipt or history that was kept; may be given more than once",
        )
        parts.add_parser("checkpoint", help="print the signed tree head")
        growing = parts.add_parser("history", help="print the proof that the log only grew")
        growing.add_argument("sizes", type=int, nargs="+", metavar="SIZE")
        proving = parts.add_parser("prove", help="print the receipt of an entry")
        proving.add_argument("index", type=int)
        parts.add_parser("check", help="check a receipt").add_argument("file", type=Path)

    def handle(self, *, part: str, **options: Any) -> None:
        try:
            if part == "verify":
                self.verify(**options)
            elif part == "checkpoint":
                self.checkpoint()
            elif part == "history":
                self.history(**options)
            elif part == "prove":
                self.prove(**options)
            else:
                self.check_receipt(**options)
        except KeysMissing as error:
            raise CommandError(str(error)) from error

    def verify(self, *, against: list[Path], **_options: Any) -> None:
        report = verify_log([_kept_head(path) for path in against])
        for finding in report.findings:
            self.stderr.write(f"entry {finding.index}: {finding.problem}")
        head = f"{report.head.size} entries, root {report.head.root.hex()}"
        if not report.is_intact:
            raise CommandError(
                f"The log was altered; first at entry {report.findings[0].index}. {head}"
            )
        erased = (
            f" Details of {report.erased} were erased, each with an entry." if report.erased else ""
        )
        if against:
            self.stdout.write(f"Nothing was altered since the kept checkpoint: {head}.{erased}")
        else:
            self.stdout.write(f"The log fits together: {head}.{erased}")
            self.stdout.write(
                "Only a checkpoint that was kept elsewhere shows a history written anew: "
                "compare it with --against FILE."
            )

    def checkpoint(self) -> None:
        self.stdout.write(checkpoint_of(head_now()))

    def history(self, *, sizes: list[int], **_options: Any) -> None:
        try:
            document = history_since(sizes)
        except IndexError as error:
            raise CommandError(str(error)) from error
        # As receipts are: each byte of it counts.
        self.stdout.write(document.decode(), ending="")

    def prove(self, *, index: int, **_options: Any) -> None:
        leaf = Leaf.objects.filter(pk=index).first()
        if leaf is None:
            raise CommandError(f"There is no entry {index}; the log has {queries.tree_size()}.")
        # A file of one line without an end: each byte of it counts.
        self.stdout.write(receipt_for(leaf, with_details=False).decode(), ending="")

    def check_receipt(self, *, file: Path, **_options: Any) -> None:
        keys = KeySet.from_jwks(published_keys())
        try:
            with file.open("rb") as opened:
                receipt = verify_receipt(opened.read(MAX_BYTES + 1), keys=keys)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except DocumentRefused as error:
            raise CommandError(f"{file} is no receipt of this portal: {error}") from error
        leaf, inclusion = receipt.entry.leaf, receipt.inclusion
        details = "without details" if receipt.entry.details is None else "with its details"
        self.stdout.write(
            f"It holds: entry {inclusion.index}, {leaf.get('event')} at {leaf.get('at')}, "
            f"{details}, stood in the log of {inclusion.size} entries, "
            f"root {inclusion.root.hex()}."
        )


def _kept_head(path: Path) -> TreeHead:
    """Read a checkpoint, a receipt or a history that was kept, after checking its signature."""
    try:
        with path.open("rb") as opened:
            kept = read_kept(
                opened.read(MAX_HISTORY_BYTES + 1), keys=KeySet.from_jwks(published_keys())
            )
        return TreeHead(size=kept.size, root=kept.root)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except DocumentRefused as error:
        raise CommandError(f"{path} is no checkpoint of this portal: {error}") from error
