"""What every endpoint of the agent API does alike: method, device, body, errors, no caching."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ValidationError

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_app.devices import queries
from consent_app.devices.actions import token_hash
from consent_app.devices.api.problems import STATUS_OF_REFUSAL, ProblemError, problem_response
from consent_app.devices.errors import DeviceWaitsForOwner
from consent_app.devices.limits import calls_limit
from consent_app.devices.models import Device
from portal.lib.refusals import Refusal

MAX_BODY_BYTES = 64 * 1024
Endpoint = Callable[..., HttpResponseBase]

_calls = calls_limit()

# pydantic's name of what is wrong -> our stable code
CODE_OF_VALIDATION = {
    "extra_forbidden": "unknown_field",
    "missing": "missing_field",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
}


def methods(**by_method: Endpoint) -> Endpoint:
    """Return the view of one address: `methods(GET=…, POST=…)`; any other method answers 405."""

    def not_allowed(_request: HttpRequest, **_path: str) -> HttpResponseBase:
        allow = {"Allow": ", ".join(sorted(by_method))}
        raise ProblemError(405, "method_not_allowed", headers=allow)

    @csrf_exempt
    @login_not_required
    def view(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        endpoint: Endpoint = by_method.get(request.method or "", not_allowed)
        try:
            response = endpoint(request, **arguments)
        except ProblemError as error:
            return problem_response(error)
        except Refusal as refusal:
            status = STATUS_OF_REFUSAL[refusal.code]
            return problem_response(ProblemError(status, refusal.code, refusal.message))
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return view


def for_device(endpoint: Endpoint) -> Endpoint:
    """Hand the endpoint the device whose token the request carries, as its second argument."""

    @wraps(endpoint)
    def checked(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        return endpoint(request, authenticated_device(request), **arguments)

    return checked


def for_owned_device(endpoint: Endpoint) -> Endpoint:
    """As `for_device`, and refuse one of a roll-out until its owner calls it theirs.

    Whatever it says or asks would be taken for that person's.
    """

    @for_device
    @wraps(endpoint)
    def checked(request: HttpRequest, device: Device, **arguments: Any) -> HttpResponseBase:
        if device.waits_for_owner:
            raise DeviceWaitsForOwner
        return endpoint(request, device, **arguments)

    return checked


def authenticated_device(request: HttpRequest) -> Device:
    """Return the device of the bearer token.

    A missing, malformed or unknown token is answered alike. Tokens are looked up by their hash, so
    the time of the look-up says nothing about them.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    device = None
    if scheme.lower() == "bearer" and token:
        device = queries.device_by_token_hash(token_hash(token.strip()))
    if device is None:
        raise ProblemError(401, "unauthorized", headers={"WWW-Authenticate": "Bearer"})
    if device.revoked_at is not None or not device.employee.is_active:
        raise ProblemError(403, "device_revoked", "This device was removed from the portal.")
    if not _calls.take(device.pk):
        raise ProblemError(429, "too_many_requests", headers={"Retry-After": "5"})
    return device


def read_body[B: BaseModel](request: HttpRequest, schema: type[B]) -> B:
    """Return the request's JSON body, checked against `schema`.

    Raises:
        ProblemError: 400, 413, 415, or 422 naming every wrong field.
    """
    _check_media_type(request)
    value = _parse(_limited_body(request))
    try:
        return schema.model_validate(value)
    except ValidationError as invalid:
        errors = [_field_error(error) for error in invalid.errors(include_input=False)]
        raise ProblemError(422, errors[0]["code"], errors=errors) from None


def _check_media_type(request: HttpRequest) -> None:
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != "application/json" or charset.lower() != "utf-8":
        raise ProblemError(415, "unsupported_media_type", "Send application/json in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError(415, "unsupported_encoding", "Send the body uncompressed.")


def _limited_body(request: HttpRequest) -> bytes:
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise ProblemError(413, "too_large", f"A body has at most {MAX_BODY_BYTES} bytes.")
    return body


def _parse(body: bytes) -> object:
    try:
        return parse_json(body)
    except DocumentRefused as refused:
        code = "duplicate_key" if "DuplicateMember" in str(refused) else "invalid_json"
        raise ProblemError(400, code) from None


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    return {
        "field": ".".join(str(part) for part in error["loc"]) or "body",
        "code": CODE_OF_VALIDATION.get(error["type"], "invalid_value"),
        "detail": error["msg"],
    }
