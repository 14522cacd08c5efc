"""The devices of the fleet, and the file they come from.

One JSON object a line: `{"device": "<uuid>", "token": "...", "etag": "...", "key": "..."}`. `etag`
is what the device was last given, and may be left out. `key` is the device's private Ed25519 key
(32 bytes, base64url without padding); only devices with one can confirm what they were told. The
file holds secrets, so nobody else may read it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_agent.protocol.jws import SigningKey, decode_base64url, encode_base64url

MAX_DEVICES: Final = 200_000
OWNER_ONLY: Final = 0o600
OTHERS: Final = 0o077


class UnusableFile(ValueError):
    """The file of devices can't be used; the message says why."""


@dataclass(slots=True)
class Device:
    """One device, and what it was last given."""

    id: str
    token: str
    etag: str = ""
    key: str = ""
    not_before: float = 0.0
    """When (`time.monotonic`) it may ask again, after a Retry-After."""

    def request(self, *, wait: int = 0) -> bytes:
        """Return the bytes of its next poll."""
        condition = f"If-None-Match: {self.etag}\r\n" if self.etag else ""
        prefer = f"Prefer: wait={wait}\r\n" if wait and self.etag else ""
        return (
            f"GET /agent/v1/policy HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.token}\r\n{condition}{prefer}\r\n"
        ).encode("ascii")

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """Return the bytes of another request to the agent API."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = "" if body is None else "Content-Type: application/json\r\n"
        return (
            f"{method} /agent/v1/{path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.token}\r\n{kind}Content-Length: {len(content)}\r\n\r\n"
        ).encode("ascii") + content

    @property
    def signing_key(self) -> SigningKey:
        private = Ed25519PrivateKey.from_private_bytes(decode_base64url(self.key))
        return SigningKey.from_private(private, role="device")

    @classmethod
    def from_line(cls, line: str) -> Self:
        said = json.loads(line)
        texts = [said["device"], said["token"], said.get("etag", ""), said.get("key", "")]
        if not all(isinstance(text, str) and text.isascii() for text in texts):
            raise ValueError("a member is not plain text")
        if any(character in text for text in texts for character in "\r\n"):
            raise ValueError("a member does not fit into a header")
        return cls(*texts)

    def to_line(self) -> str:
        return json.dumps(
            {"device": self.id, "token": self.token, "etag": self.etag, "key": self.key}
        )


def read_devices(file: Path, *, most: int) -> list[Device]:
    """Return the first `most` devices of `file`.

    Raises:
        UnusableFile: others can read it, a line is not a device, or there is none.
    """
    if file.stat().st_mode & OTHERS:
        raise UnusableFile(f"{file} holds tokens and can be read by others: chmod 600 it")
    devices: list[Device] = []
    with file.open(encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            if len(devices) == most:
                break
            try:
                devices.append(Device.from_line(line))
            except (ValueError, KeyError, TypeError) as error:
                raise UnusableFile(f"line {number} of {file} is no device: {error!r}") from None
    if not devices:
        raise UnusableFile(f"{file} names no device")
    return devices


def write_devices(file: Path, devices: Iterable[Device]) -> None:
    """Write a file for `read_devices`, which only its owner can read."""
    file.unlink(missing_ok=True)
    file.touch(mode=OWNER_ONLY)
    with file.open("w", encoding="ascii") as lines:
        lines.writelines(f"{device.to_line()}\n" for device in devices)


def encoded_key(private: Ed25519PrivateKey) -> str:
    return encode_base64url(private.private_bytes_raw())
