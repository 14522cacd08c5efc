"""The `consent-agent` command.

Reads arguments, prints what happened, and ends with a status that scripts can tell apart. All work
is done in `client`, `loop`, `gate` and `state`.
"""

import argparse
import asyncio
import json
import platform
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from consent_agent import __version__
from consent_agent.client import Connection, PortalClient, enrol
from consent_agent.clock import SystemClock
from consent_agent.errors import (
    AgentError,
    AlreadyEnrolled,
    FileUnreadable,
    NotEnrolled,
    PortalRefused,
    ReceiptRefused,
)
from consent_agent.gate import Gate
from consent_agent.ledger import Ledger
from consent_agent.loop import Agent
from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.documents import format_time
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet
from consent_agent.protocol.receipts import MAX_BYTES as MAX_RECEIPT_BYTES
from consent_agent.protocol.receipts import verify_receipt
from consent_agent.reporting import Meter, Reporter
from consent_agent.state import MAX_PAUSE_MINUTES, LocalPause, State, default_folder
from consent_agent.wording import (
    KEYS_OF_THE_FILE,
    describe_denied,
    printable,
    receipt_lines,
    time_of_day,
    withdrawn_key_note,
)

EXIT_STATUSES = """\
exit status:
  0  done; for run: ended by SIGTERM or Ctrl-C
  1  anything not listed here
  2  wrong arguments
  3  this device is not enrolled
  4  this device was revoked
  5  the portal cannot be reached, or refused
  6  a file of the state folder was altered, or is open to other users
"""
_PLATFORMS = {"Darwin": "macos", "Windows": "windows"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except AgentError as failure:
        _complain(f"consent-agent: {failure}")
        return failure.exit_status
    except DocumentRefused as refusal:
        _complain(f"consent-agent: A document was refused ({refusal}).")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="consent-agent",
        description="Holds the signed policy of this device and says what may be captured.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state", type=Path, default=default_folder(), metavar="FOLDER", help="state folder"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    enrolling = commands.add_parser("enrol", parents=[common], help="enrol this device")
    enrolling.add_argument("url", metavar="URL", help="address of the portal")
    enrolling.add_argument("code", metavar="CODE", help="code shown by the portal")
    enrolling.add_argument("--hostname", default=platform.node() or "unknown")
    enrolling.add_argument(
        "--programme-key",
        action="append",
        default=[],
        metavar="KID",
        help="enrol only with a portal whose programme keys are these; may be given twice",
    )
    enrolling.set_defaults(command=_enrol)

    running = commands.add_parser("run", parents=[common], help="run until stopped")
    running.set_defaults(command=_run)

    status = commands.add_parser("status", parents=[common], help="show what is in force")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(command=_status)

    pausing = commands.add_parser("pause", parents=[common], help="stop collection for a while")
    pausing.add_argument("minutes", metavar="N", type=_minutes, help="1 to 30 minutes")
    pausing.set_defaults(command=_pause)

    reporting = commands.add_parser(
        "report", parents=[common], help="tell the portal now what was counted"
    )
    reporting.set_defaults(command=_report)

    verifying = commands.add_parser(
        "verify-receipt", parents=[common], help="check a receipt of the portal, without network"
    )
    verifying.add_argument("file", metavar="FILE", type=Path, help="the receipt")
    verifying.add_argument(
        "--keys",
        metavar="JWKS",
        type=Path,
        help="file with the portal's keys; else those that this device was given",
    )
    verifying.set_defaults(command=_verify_receipt)

    resuming = commands.add_parser("resume", parents=[common], help="end the pause")
    resuming.set_defaults(command=_resume)
    return parser


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PAUSE_MINUTES):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MAX_PAUSE_MINUTES}")
    return int(text)


def _enrol(options: argparse.Namespace) -> None:
    if State.exists(options.state):
        raise AlreadyEnrolled
    asyncio.run(_enrol_with_portal(options))


async def _enrol_with_portal(options: argparse.Namespace) -> None:
    async with Connection(options.url) as connection:
        enrolment = await enrol(
            connection,
            options.url,
            code=options.code,
            hostname=options.hostname,
            platform=_PLATFORMS.get(platform.system(), "linux"),
            programme_keys=options.programme_key,
        )
    State.create(options.state, enrolment)
    _announce(f"Enrolled as device {enrolment.device_id}. Start it with: consent-agent run")


def _run(options: argparse.Namespace) -> None:
    asyncio.run(_run_until_stopped(State.load(options.state)))


async def _run_until_stopped(state: State) -> None:
    stop = asyncio.Event()
    _set_on_signals(stop)
    clock = SystemClock()
    enrolment = state.enrolment
    _announce(f"Device {enrolment.device_id}, portal {enrolment.portal_url}")
    async with Connection(enrolment.portal_url) as connection:
        client = PortalClient(connection, enrolment)
        agent = Agent(
            state=state,
            client=client,
            reporter=_reporter(state, client, connection),
            gate=Gate(clock),
            clock=clock,
            announce=_announce,
        )
        await agent.run(stop)
    _announce("Stopped.")


def _reporter(state: State, client: PortalClient, connection: Connection) -> Reporter:
    return Reporter(
        ledger=Ledger(state.path),
        client=client,
        meter=Meter(connection),
        clock=SystemClock(),
        announce=_announce,
    )


def _set_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _announce(line: str) -> None:
    print(printable(line), flush=True)


def _complain(line: str) -> None:
    print(printable(line), file=sys.stderr)


def _status(options: argparse.Namespace) -> None:
    state = State.load(options.state)
    shown = _describe_status(state, Gate.from_state(options.state))
    if options.json:
        print(json.dumps(shown, indent=2))
        return
    for name, value in shown.items():
        _announce(f"{name.replace('_', ' '):<17} {'-' if value is None else value}")


def _describe_status(state: State, gate: Gate) -> dict[str, object]:
    now = SystemClock().now()
    held, pause = gate.held, gate.local_pause
    is_paused = pause is not None and pause.is_in_force(now)
    collecting = held is not None and not is_paused and held.collects_anything(now)
    shown: dict[str, object] = {
        "portal": state.enrolment.portal_url,
        "device": state.enrolment.device_id,
        "collecting": collecting,
        "local_pause_until": format_time(pause.ends_at) if pause and is_paused else None,
    }
    if held is None:
        return {**shown, "policy": gate.closed_because}
    accepted = held.accepted
    return {
        **shown,
        "policy": "fresh" if held.is_fresh(now) else "not_fresh",
        "version": accepted.policy.version,
        "state": accepted.policy.state,
        "denied": describe_denied(held, now),
        "fresh_until": format_time(accepted.freshness.expires_at),
    }


def _pause(options: argparse.Namespace) -> None:
    state = State.load(options.state)
    pause = LocalPause(options.minutes, SystemClock().now(), str(uuid.uuid4()))
    state.write_pause(pause)
    print(f"Paused until {time_of_day(pause.ends_at)}.")
    asyncio.run(_report_pause(state, pause))


async def _report_pause(state: State, pause: LocalPause) -> None:
    async with Connection(state.enrolment.portal_url) as connection:
        client = PortalClient(connection, state.enrolment)
        try:
            await client.start_pause(minutes=pause.minutes, idempotency_key=pause.idempotency_key)
        except PortalRefused as refusal:
            _complain(f"It holds on this device. {refusal}")
            return
        except AgentError as failure:
            _complain(f"{failure} The running agent will report the pause.")
            return
    state.mark_reported(pause)


def _report(options: argparse.Namespace) -> None:
    asyncio.run(_report_counts(State.load(options.state)))


async def _report_counts(state: State) -> None:
    async with Connection(state.enrolment.portal_url) as connection:
        client = PortalClient(connection, state.enrolment)
        rows = await _reporter(state, client, connection).report()
    _announce(f"Rows that the portal took: {rows}.")


def _verify_receipt(options: argparse.Namespace) -> None:
    keys, origin = _trusted_keys(options)
    try:
        receipt = verify_receipt(_read_file(options.file, limit=MAX_RECEIPT_BYTES), keys=keys)
    except DocumentRefused as refusal:
        raise ReceiptRefused(refusal.code) from None
    for line in receipt_lines(receipt, keys=origin):
        _announce(line)
    notes = [KEYS_OF_THE_FILE] if keys is None else []
    if receipt.withdrawn_at is not None:
        notes.append(withdrawn_key_note(receipt.withdrawn_at))
    for line in "\n".join(notes).splitlines():
        _complain(line)


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


def _resume(options: argparse.Namespace) -> None:
    state = State.load(options.state)
    state.remove_pause()
    print("The pause on this device has ended.")
    asyncio.run(_end_portal_pause(state))


async def _end_portal_pause(state: State) -> None:
    async with Connection(state.enrolment.portal_url) as connection:
        try:
            await PortalClient(connection, state.enrolment).end_pause()
        except PortalRefused as refusal:
            if refusal.status != 404:  # the portal has no pause to end
                raise
