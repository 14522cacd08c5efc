"""The OpenAPI 3.1 document of the agent API, made from the schemas that the endpoints check by."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from consent_app.devices.api import schemas

BODIES: tuple[type[BaseModel], ...] = (
    schemas.Enrolment,
    schemas.Acknowledgement,
    schemas.Pause,
    schemas.Ledger,
)

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; docs/agent-protocol.md lists them."},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
            },
        },
    },
}

JWS = {"type": "string", "description": "A compact JWS, alg Ed25519.", "maxLength": 65536}
POLICY_ANSWER = {
    "type": "object",
    "required": ["device", "ceiling", "freshness"],
    "properties": dict.fromkeys(("device", "ceiling", "freshness"), JWS),
}
KEY_SET = {
    "type": "object",
    "required": ["keys"],
    "properties": {
        "keys": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kty", "crv", "x", "kid", "use_role"],
                "properties": {
                    "kty": {"const": "OKP"},
                    "crv": {"const": "Ed25519"},
                    "x": {"type": "string"},
                    "kid": {"type": "string"},
                    "use_role": {"enum": ["programme", "policy", "checkpoint"]},
                },
            },
        }
    },
}
ENROLLED = {
    "type": "object",
    "required": ["device_id", "token", "jwks", "policy_url"],
    "properties": {
        "device_id": {"type": "string", "format": "uuid"},
        "token": {"type": "string"},
        "jwks": {"$ref": "#/components/schemas/KeySet"},
        "policy_url": {"type": "string", "format": "uri"},
        "keys": JWS,
    },
}
SIGNED_KEYS = {"type": "object", "required": ["keys"], "properties": {"keys": JWS}}
STARTED_PAUSE = {
    "type": "object",
    "required": ["id", "from", "until"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "from": {"type": "string", "format": "date-time"},
        "until": {"type": "string", "format": "date-time"},
    },
}

BAD_BODY = (400, 413, 415, 422)
FOR_DEVICE = (401, 403, 429)


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document that is served at /agent/v1/openapi.json."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Consent Portal agent API",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"device": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457).",
                    "content": {"application/problem+json": {"schema": _ref("Problem")}},
                }
            },
        },
    }


def _paths() -> dict[str, Any]:
    base = "/agent/v1/"
    digest = _parameter("path", "digest", r"^sha256:[0-9a-f]{64}$")
    return {
        f"{base}enrolments": {
            "post": _operation(
                "Enrol a device with a code from the portal.", body="Enrolment",
                answers={201: _json("Enrolled")}, problems=(*BAD_BODY, 409, 429), public=True,
            )
        },
        f"{base}policy": {
            "get": _operation(
                "The device's policy, its ceiling, and freshness.",
                parameters=[
                    _parameter("header", "If-None-Match"),
                    _parameter("header", "Agent-Run", r"^[A-Za-z0-9_-]{22}$"),
                    _parameter("header", "Prefer", r"wait=([0-9]|[1-4][0-9]|5[0-5])$"),
                ],
                answers={200: _json("PolicyAnswer", headers=("ETag",)), 304: _unchanged()},
                problems=FOR_DEVICE,
            )
        },
        f"{base}acknowledgements": {
            "post": _operation(
                "Confirm what the device applied; idempotent by sequence.", body="Acknowledgement",
                answers={202: _json("Acknowledged")}, problems=(*BAD_BODY, *FOR_DEVICE, 404, 409),
            )
        },
        f"{base}pauses": {
            "post": _operation(
                "Pause collection on this device.", body="Pause",
                answers={201: _json("StartedPause")}, problems=(*BAD_BODY, *FOR_DEVICE, 409),
            )
        },
        f"{base}pauses/current": {
            "delete": _operation(
                "End the pause of this device.", answers={204: {"description": "Ended."}},
                problems=(*FOR_DEVICE, 404, 409),
            )
        },
        f"{base}ledger": {
            "post": _operation(
                "Report what was counted; running totals of hours, the greatest holds.",
                body="Ledger", answers={202: _json("Counted")},
                problems=(*BAD_BODY, *FOR_DEVICE, 409),
            )
        },
        f"{base}registers/{{digest}}": {
            "get": _operation(
                "A register by its digest; never changes.", parameters=[digest],
                answers={200: _json("Register")}, problems=(404,), public=True,
            )
        },
        f"{base}filters/{{digest}}": {
            "get": _operation(
                "A filter of protected people by its digest; never changes.", parameters=[digest],
                answers={200: _json("Counterparties")}, problems=(404,), public=True,
            )
        },
        f"{base}keys": {
            "get": _operation(
                "The keys to believe, signed with the programme key.",
                answers={200: _json("SignedKeys")}, problems=(404,), public=True,
            )
        },
        "/.well-known/jwks.json": {
            "get": _operation(
                "The public keys.", public=True, problems=(),
                answers={200: _json("KeySet", media_type="application/jwk-set+json")},
            )
        },
    }  # fmt: skip


def _operation(
    summary: str,
    *,
    answers: Mapping[int, Mapping[str, Any]],
    problems: tuple[int, ...],
    body: str | None = None,
    parameters: list[dict[str, Any]] | None = None,
    public: bool = False,
) -> dict[str, Any]:
    responses = {str(status): answer for status, answer in answers.items()}
    # Any call may meet the wrong method or a database that is away.
    for status in sorted({*problems, 405, 503}):
        responses[str(status)] = {"$ref": "#/components/responses/Problem"}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if body:
        content = {"application/json": {"schema": _ref(body)}}
        operation["requestBody"] = {"required": True, "content": content}
    if parameters:
        operation["parameters"] = parameters
    operation["security"] = [] if public else [{"device": []}]
    return operation


def _schemas() -> dict[str, Any]:
    schemas_: dict[str, Any] = {}
    for body in BODIES:
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas_ |= schema.pop("$defs", {})
        schemas_[body.__name__] = schema
    acknowledged = {
        "type": "object",
        "required": ["sequence"],
        "properties": {"sequence": {"type": "integer"}},
    }
    counted = {
        "type": "object",
        "required": ["reports", "cost"],
        "properties": {name: {"type": "integer"} for name in ("reports", "cost")},
    }
    return schemas_ | {
        "Acknowledged": acknowledged,
        "Counted": counted,
        "Counterparties": {"type": "object", "description": "Contract counterparties/1."},
        "Enrolled": ENROLLED,
        "KeySet": KEY_SET,
        "PolicyAnswer": POLICY_ANSWER,
        "Problem": PROBLEM,
        "Register": {"type": "object", "description": "Contract register/1."},
        "SignedKeys": SIGNED_KEYS,
        "StartedPause": STARTED_PAUSE,
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(
    name: str, *, media_type: str = "application/json", headers: tuple[str, ...] = ()
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": name,
        "content": {media_type: {"schema": _ref(name)}},
    }
    if headers:
        answer["headers"] = {header: {"schema": {"type": "string"}} for header in headers}
    return answer


def _unchanged() -> dict[str, Any]:
    return {
        "description": "Nothing changed; still fresh.",
        "headers": {name: {"schema": {"type": "string"}} for name in ("ETag", "Policy-Freshness")},
    }


def _parameter(place: str, name: str, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"in": place, "name": name, "required": place == "path", "schema": schema}
