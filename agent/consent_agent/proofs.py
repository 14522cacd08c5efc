"""`verify-receipt` and `verify-history`: checks without a network, or trust in a portal."""

import argparse
from pathlib import Path

from consent_agent.errors import (
    FileUnreadable,
    HistoryRefused,
    HistoryTooShort,
    LogRewritten,
    NotEnrolled,
    ReceiptRefused,
)
from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.history import MAX_BYTES as MAX_HISTORY_BYTES
from consent_agent.protocol.history import History, check_growth, read_history, read_kept
from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.receipts import MAX_BYTES as MAX_RECEIPT_BYTES
from consent_agent.protocol.receipts import verify_receipt as read_receipt
from consent_agent.protocol.times import format_time
from consent_agent.state import State
from consent_agent.terminal import announce, complain
from consent_agent.wording import KEYS_OF_THE_FILE, receipt_lines, withdrawn_key_note


def verify_receipt(options: argparse.Namespace) -> None:
    keys, origin = _trusted_keys(options)
    try:
        receipt = read_receipt(_read_file(options.file, limit=MAX_RECEIPT_BYTES), keys=keys)
    except DocumentRefused as refusal:
        raise ReceiptRefused(refusal.code) from None
    for line in receipt_lines(receipt, keys=origin):
        announce(line)
    notes = [KEYS_OF_THE_FILE] if keys is None else []
    if receipt.withdrawn_at is not None:
        notes.append(withdrawn_key_note(receipt.withdrawn_at))
    for line in "\n".join(notes).splitlines():
        complain(line)


def verify_history(options: argparse.Namespace) -> None:
    keys, origin = _trusted_keys(options)
    try:
        history = read_history(_read_file(options.history, limit=MAX_HISTORY_BYTES), keys=keys)
    except DocumentRefused as refusal:
        raise HistoryRefused(options.history, refusal.code) from None
    for path in options.kept:
        _check_kept(path, history, options.history, keys)
    announce(f"Signed by one of {origin}.")
    if keys is None:
        for line in KEYS_OF_THE_FILE.splitlines():
            complain(line)


def _check_kept(path: Path, history: History, newer: Path, keys: KeySet | None) -> None:
    """Say that the log only grew since `path`, or raise what is wrong."""
    try:
        kept = read_kept(_read_file(path, limit=MAX_HISTORY_BYTES), keys=keys)
    except DocumentRefused as refusal:
        raise HistoryRefused(path, refusal.code) from None
    try:
        check_growth(kept, history)
    except DocumentRefused as refusal:
        if refusal.code == "not_covered":
            raise HistoryTooShort(path, refusal.detail) from None
        raise LogRewritten(newer, path, refusal.detail) from None
    announce(
        f"Nothing was altered since {path}: its {kept.size} entries are the first of the"
        f" {history.head.size} that stood in the log on {format_time(history.head.issued_at)}."
    )


def _trusted_keys(options: argparse.Namespace) -> tuple[KeySet | None, str]:
    """Return the keys to believe and where they come from; None for those in the receipt."""
    if options.keys is not None:
        document = parse_json(_read_file(options.keys, limit=MAX_RECEIPT_BYTES))
        if not isinstance(document, dict):
            raise DocumentRefused("bad_jwks", "not an object")
        return KeySet.from_jwks(document), f"the keys in {options.keys}"
    try:
        state = State.load(options.state)
    except NotEnrolled:
        return None, "the keys in the receipt itself"
    keys, _ = state.read_keys()
    return keys, f"the keys that this device was given by {state.enrolment.portal_url}"


def _read_file(path: Path, *, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise FileUnreadable(path, error.strerror or type(error).__name__) from error
