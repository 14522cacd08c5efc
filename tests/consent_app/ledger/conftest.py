"""Devices that report, and rows as an agent sends them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection

from consent_app.ledger.actions import receive_report
from consent_app.ledger.rules import Counted
from consent_app.register.models import Application
from tests.conftest import NOON

HOUR = timedelta(hours=1)


def spelled(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H:%M:%SZ}"


def row(hour=NOON - HOUR, **changes):
    return {
        "hour": spelled(hour),
        "application": "slack",
        "kind": "keystrokes",
        "captured": 12,
        "suppressed": {"pause": 3},
    } | changes


def cost(hour=NOON - HOUR, **changes):
    return {
        "hour": spelled(hour),
        "cpu_seconds": 1.25,
        "bytes": 5300,
        "battery_mwh": None,
    } | changes


def at_once(*acts):
    """Do all at the same moment; return what each returned."""
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result() for done in [pool.submit(run, act) for act in acts]]


@pytest.fixture
def declared(ceilings):
    """Return the slugs of two applications that are collected from, and of an excluded one."""
    collected = Application.objects.filter(excluded=False, kinds__contains=["keystrokes"])
    excluded = Application.objects.filter(excluded=True)
    first, second = collected.values_list("slug", flat=True)[:2]
    return first, second, excluded.values_list("slug", flat=True)[0]


@pytest.fixture
def count(frozen_time, declared):
    """Let a device have counted something."""

    def count(
        enrolled, hour=NOON - HOUR, captured=12, *, kind="keystrokes", app=None, **suppressed
    ):
        counted = Counted(hour, app or declared[0], kind, captured, suppressed)
        receive_report(device=enrolled.device, counted=[counted], spent=[])

    return count
