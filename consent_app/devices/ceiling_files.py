"""Files that carry ceilings to the machine with the programme key, and signed ones back.

That machine needs this code and the key, no database: `sign_file` reads nothing but the file. What
comes back is checked again where it is kept (`actions.ceilings.keep_signed`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.documents import Ceiling
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import SigningKey, sign
from consent_agent.protocol.times import format_time
from consent_app.devices.actions.policies import UnsignedCeiling
from consent_app.devices.errors import CeilingFileUnreadable

UNSIGNED, SIGNED = "unsigned-ceilings/1", "signed-ceilings/1"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Unsigned(_Table):
    in_force_at: AwareDatetime
    register_version: int
    payload: dict[str, object]


class _UnsignedFile(_Table):
    file: Literal["unsigned-ceilings/1"]
    ceilings: Annotated[tuple[_Unsigned, ...], Field(min_length=1)]


class _SignedFile(_Table):
    file: Literal["signed-ceilings/1"]
    ceilings: Annotated[tuple[str, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class SignedHere:
    """One ceiling that was signed, as its signer reads it."""

    cohort: str
    version: int
    collection: str
    register_version: int
    register: str
    in_force_at: str


def unsigned_file(ceilings: Iterable[UnsignedCeiling]) -> str:
    """Return what is to be signed, for people and for `sign_file`."""
    content = {
        "file": UNSIGNED,
        "ceilings": [
            {
                "in_force_at": format_time(unsigned.in_force_at),
                "register_version": unsigned.register.number,
                "payload": unsigned.payload,
            }
            for unsigned in ceilings
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def sign_file(text: str, *, key: SigningKey) -> tuple[str, list[SignedHere]]:
    """Sign every ceiling in a file; return the file to carry back, and what was signed.

    Raises:
        CeilingFileUnreadable: it is no such file, or holds something else than ceilings.
    """
    try:
        file = _UnsignedFile.model_validate_json(text)
        read = [Ceiling.from_payload(canonical_json(one.payload)) for one in file.ceilings]
    except (ValidationError, DocumentRefused, ValueError) as error:
        raise CeilingFileUnreadable from error
    signed = [sign(one.payload, typ="ceiling+jws", key=key) for one in file.ceilings]
    said = [
        SignedHere(
            cohort=ceiling.cohort,
            version=ceiling.version,
            collection=ceiling.collection,
            register_version=one.register_version,
            register=ceiling.register,
            in_force_at=format_time(one.in_force_at),
        )
        for one, ceiling in zip(file.ceilings, read, strict=True)
    ]
    return json.dumps({"file": SIGNED, "ceilings": signed}, indent=1) + "\n", said


def signed_ceilings(text: str) -> list[str]:
    """Return the signed ceilings of a file, unchecked.

    Raises:
        CeilingFileUnreadable: it is no such file.
    """
    try:
        return list(_SignedFile.model_validate_json(text).ceilings)
    except ValidationError as error:
        raise CeilingFileUnreadable from error
