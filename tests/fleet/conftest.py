"""A portal of many devices on loopback, small enough to answer wrongly where a test says so."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_fleet.cli import main
from consent_fleet.devices import Device, encoded_key, write_devices
from tests.agent.simulated_portal import SigningDesk, SimulatedPortal


class PortalOfMany(SimulatedPortal):
    """Knows each device by its token, which is the device's name here; pauses are per device."""

    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(SigningDesk())
        self.policies: defaultdict[str, dict[str, Any]] = defaultdict(
            lambda: {"version": 17, "state": "collecting"}
        )

    def answer(self, handler, path: str, body: Any) -> None:
        device = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        match handler.command, path:
            case "GET", "policy":
                self._answer_device(handler, device)
            case "POST", "pauses":
                self._change(device, "paused")
                handler.send(201, {})
            case "DELETE", "pauses/current":
                self._change(device, "collecting")
                handler.send(204, b"")
            case "GET", "/.well-known/jwks.json":
                handler.send(200, self.desk.jwks)
            case _:
                super().answer(handler, path, body)

    def _change(self, device: str, state: str) -> None:
        with self._changed:
            version = self.policies[device]["version"] + 1
            self.policies[device] = {"version": version, "state": state}
            self._changed.notify_all()

    def _answer_device(self, handler, device: str) -> None:
        asked = handler.headers.get("If-None-Match")
        wait = float(handler.headers.get("Prefer", "wait=0").removeprefix("wait="))
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._etag_of(device) != asked, timeout=wait
            )
        if self._closing:
            handler.close_connection = True
            return
        signed = self.desk.sign_documents(
            policy={"device": device} | self.policies[device],
            freshness={"device": device, "issued_at": datetime.now(UTC)} | self.freshness_changes,
        )
        headers = {"ETag": self._etag_of(device), "Policy-Freshness": signed.freshness}
        is_same = asked == headers["ETag"]
        handler.send(304 if is_same else 200, None if is_same else vars(signed), headers)

    def _etag_of(self, device: str) -> str:
        return f'"{self.policies[device]["version"]}"'


@pytest.fixture
def portal() -> Iterator[PortalOfMany]:
    portal = PortalOfMany()
    yield portal
    portal.stop()


@pytest.fixture
def make_file(tmp_path) -> Callable[..., Path]:
    """Write a file of `count` devices; `confirming` of them have their keys."""

    def make(count: int = 4, *, confirming: int = 0) -> Path:
        names = [str(UUID(int=number)) for number in range(1, count + 1)]
        devices = [
            Device(name, name, key=_new_key() if number < confirming else "")
            for number, name in enumerate(names)
        ]
        file = tmp_path / "devices.jsonl"
        write_devices(file, devices)
        return file

    return make


def _new_key() -> str:
    return encoded_key(Ed25519PrivateKey.generate())


@pytest.fixture
def run_fleet(portal, make_file, capsys) -> Callable[..., dict[str, Any]]:
    """Run the command for a moment, and return its report and its status as `exit`."""

    def run(*arguments: str, count: int = 4, confirming: int = 0, seconds: float = 1) -> dict:
        file = make_file(count, confirming=confirming)
        given = ["--url", portal.url, "--file", str(file), "--devices", str(count), "--json"]
        given += ["--connections", str(count)]
        status = main([*given, "--minutes", str(seconds / 60), *arguments])
        return json.loads(capsys.readouterr().out) | {"exit": status}

    return run
