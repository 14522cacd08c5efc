"""The `consent-agent` command.

Reads arguments, prints what happened, and ends with a status that scripts can tell apart. All work
is done in `client`, `loop`, `gate`, `state` and `proofs`.
"""

import argparse
import asyncio
import contextlib
import json
import platform
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from consent_agent import __version__
from consent_agent.client import Connection, PortalClient, enrol
from consent_agent.clock import Instant, SystemClock
from consent_agent.errors import (
    AgentError,
    AlreadyEnrolled,
    AlreadyRunning,
    PortalRefused,
)
from consent_agent.floors import PLACE_UNKNOWN
from consent_agent.folders import check_folder, default_folder
from consent_agent.gate import Gate
from consent_agent.locking import is_running
from consent_agent.pacing import (
    MAX_EVERY_SECONDS,
    MAX_SPREAD_SECONDS,
    MIN_EVERY_SECONDS,
    Pace,
)
from consent_agent.proofs import verify_history, verify_receipt
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.times import format_time
from consent_agent.service import (
    LOG_BYTES,
    LOG_FILE,
    OLDER_LOGS,
    LogFile,
    make_reporter,
    run_until_stopped,
)
from consent_agent.state import MAX_PAUSE_MINUTES, LocalPause, State
from consent_agent.terminal import announce, complain
from consent_agent.wording import (
    advice_on,
    describe_denied,
    status_lines,
    time_of_day,
)

type _Parser = argparse.ArgumentParser

EXIT_STATUSES = """\
exit status:
  0  done; for run: ended by SIGTERM or Ctrl-C
  1  anything not listed here
  2  wrong arguments
  3  this device is not enrolled
  4  this device was revoked
  5  the portal cannot be reached, or refused
  6  a file of the state folder was altered, or the folder is open to other users
  7  an agent runs on this state folder already
"""
_DESCRIPTION = """\
Keeps this computer to what its owner, and the portal, decided about collection.

It holds the newest signed policy, says what may be captured, and confirms to the portal what it
applied. It captures nothing itself. Without a fresh policy nothing may be captured.
"""
_PLATFORMS = {"Darwin": "macos", "Windows": "windows"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except AgentError as failure:
        complain(f"consent-agent: {failure}")
        if advice := advice_on(failure):
            complain(advice)
        return failure.exit_status
    except DocumentRefused as refusal:
        complain(f"consent-agent: A document was refused ({refusal}).")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="consent-agent",
        description=_DESCRIPTION,
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state",
        type=Path,
        default=default_folder(),
        metavar="FOLDER",
        help="where this agent keeps its files; %(default)s if not given",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], None], text: str) -> _Parser:
        added = commands.add_parser(name, parents=[common], help=text, description=_sentence(text))
        added.set_defaults(command=command)
        return added

    enrolling = add("enrol", _enrol, "let this computer in with a code from the portal")
    enrolling.add_argument("url", metavar="URL", help="address of the portal, https://...")
    enrolling.add_argument("code", metavar="CODE", help='from "My devices", or of a roll-out')
    enrolling.add_argument(
        "--hostname",
        default=platform.node() or "unknown",
        help="what the portal calls this computer; %(default)s if not given",
    )
    enrolling.add_argument(
        "--programme-key",
        action="append",
        default=[],
        metavar="KID",
        help="enrol only with a portal whose programme keys are these; may be given twice",
    )
    enrolling.add_argument(
        "--employee-email",
        metavar="ADDRESS",
        help="whose computer it is, with the code of a roll-out; they are asked to confirm it",
    )
    enrolling.add_argument(
        "--place",
        type=_place,
        metavar="PLACE",
        help="collect only while the portal says that the owner works there, such as us-ny; else"
        " the first policy says where",
    )
    _add_run_options(add("run", _run, "work until it is stopped; the service does this"))
    add("status", _status, "say what is collected now, and why not").add_argument(
        "--json", action="store_true", help="for programs"
    )
    add("pause", _pause, "stop collection on this computer for some minutes").add_argument(
        "minutes",
        metavar="N",
        type=_whole_number(1, MAX_PAUSE_MINUTES),
        help=f"1 to {MAX_PAUSE_MINUTES} minutes",
    )
    add("resume", _resume, "end the pause before its time")
    moving = add("moved", _moved, "say that you work in another place now")
    moving.add_argument(
        "cohort", metavar="PLACE", type=_place, help="its short name, such as us-ny"
    )
    moving.add_argument("--yes", action="store_true", help="do not ask")
    add("report", _report, "tell the portal now what was counted")
    verifying = add("verify-receipt", verify_receipt, "check a receipt, without a network")
    verifying.add_argument("file", metavar="FILE", type=Path, help="the receipt")
    verifying.add_argument(
        "--keys",
        metavar="JWKS",
        type=Path,
        help="file with the portal's keys; else those that this device was given",
    )
    proving = add(
        "verify-history",
        verify_history,
        "check that the portal's log only grew, without a network",
    )
    proving.add_argument("history", metavar="HISTORY", type=Path, help="the newer file")
    proving.add_argument(
        "kept",
        metavar="KEPT",
        type=Path,
        nargs="+",
        help="checkpoints, receipts or histories that were kept",
    )
    proving.add_argument(
        "--keys",
        metavar="JWKS",
        type=Path,
        help="file with the portal's keys; else those that this device was given",
    )
    add("forget", _forget, "delete all that the agent keeps on this computer").add_argument(
        "--yes", action="store_true", help="do not ask"
    )
    return parser


def _add_run_options(running: _Parser) -> None:
    running.add_argument(
        "--every",
        metavar="SECONDS",
        type=_whole_number(MIN_EVERY_SECONDS, MAX_EVERY_SECONDS),
        help="ask so often, and hold no long poll: where something on the way cuts those",
    )
    running.add_argument(
        "--spread",
        metavar="SECONDS",
        type=_whole_number(0, MAX_SPREAD_SECONDS),
        default=0,
        help="ask first at a random moment of so many seconds, if nothing is collected until then",
    )
    running.add_argument(
        "--log",
        action="store_true",
        help=f"write to {LOG_FILE} in the state folder, at most {LOG_BYTES // 1_000_000} MB each"
        f" and {OLDER_LOGS} older ones",
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _place(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise argparse.ArgumentTypeError("the short name of a place, such as us-ny")
    return text


def _enrol(options: argparse.Namespace) -> None:
    check_folder(options.state)  # a code works once: look before it is spent
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
            employee_email=options.employee_email,
        )
    State.create(options.state, enrolment, place=options.place or PLACE_UNKNOWN)
    announce(f"Enrolled as device {enrolment.device_id}. Now start the agent: consent-agent run")
    if options.employee_email:
        announce(f"It collects nothing until {options.employee_email} says that it is theirs.")


def _run(options: argparse.Namespace) -> None:
    state = State.load(options.state)
    pace = Pace(every_seconds=options.every, spread_seconds=options.spread)
    say = LogFile(state.path) if options.log else announce
    try:
        asyncio.run(run_until_stopped(state, pace=pace, announce=say))
    except AgentError as failure:
        if options.log:
            say(str(failure))
        raise


def _status(options: argparse.Namespace) -> None:
    state = State.load(options.state)
    gate, now = Gate.from_state(options.state), SystemClock().now()
    at_work = is_running(options.state)
    if options.json:
        print(json.dumps(_describe_status(state, gate, now, at_work=at_work), indent=2))
        return
    for line in status_lines(state.enrolment, gate, now, at_work=at_work):
        announce(line)


def _describe_status(state: State, gate: Gate, now: Instant, *, at_work: bool) -> dict[str, object]:
    held, pause = gate.held, gate.local_pause
    is_paused = pause is not None and pause.is_in_force(now)
    collecting = held is not None and not is_paused and held.collects_anything(now)
    shown: dict[str, object] = {
        "portal": state.enrolment.portal_url,
        "device": state.enrolment.device_id,
        "running": at_work,
        "collecting": collecting,
        "local_pause_until": format_time(pause.ends_at) if pause and is_paused else None,
    }
    if held is None:
        return {**shown, "policy": gate.closed_because}
    accepted = held.accepted
    return {
        **shown,
        "policy": "fresh" if held.is_fresh(now) else "not_fresh",
        "cohort": accepted.ceiling.cohort,
        "place": held.place or None,
        "ceiling_version": accepted.ceiling.version,
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
            complain(f"It holds on this device. {refusal}")
            return
        except AgentError as failure:
            complain(f"{failure} The running agent will report the pause.")
            return
    state.mark_reported(pause)


def _moved(options: argparse.Namespace) -> None:
    """Keep the owner's word; the running agent and every gate on the folder go by it at once."""
    state = State.load(options.state)
    if not options.yes:
        question = (
            f"You say that you work in {options.cohort} now. This computer then collects what may"
            " be collected there, and nothing while the portal says that you work elsewhere."
            " Type yes: "
        )
        if input(question).strip().lower() != "yes":
            announce("Nothing was changed.")
            return
    state.say_place(options.cohort)
    announce(f"This computer knows now that you work in {options.cohort}.")


def _report(options: argparse.Namespace) -> None:
    asyncio.run(_report_counts(State.load(options.state)))


async def _report_counts(state: State) -> None:
    async with Connection(state.enrolment.portal_url) as connection:
        client = PortalClient(connection, state.enrolment)
        rows = await make_reporter(state, client, connection, announce=announce).report()
    announce(f"Rows that the portal took: {rows}.")


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


def _forget(options: argparse.Namespace) -> None:
    """Delete everything; also what a damaged enrolment left behind."""
    if is_running(options.state):
        raise AlreadyRunning
    if not options.yes:
        question = f"Delete all that the agent keeps in {options.state}? Type yes: "
        if input(question).strip().lower() != "yes":
            announce("Nothing was deleted.")
            return
    State.erase(options.state)
    LogFile(options.state).remove()
    with contextlib.suppress(OSError):  # somebody else's files may be in there
        options.state.rmdir()
    announce("Deleted. The portal still knows this device: its owner, or IT, removes it there.")
