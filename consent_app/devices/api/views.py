"""The agent API but for the poll, which `consent_app.devices.poll` answers beside Django."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from consent_app.contacts.queries import filter_document
from consent_app.devices import actions, queries
from consent_app.devices.api import schemas
from consent_app.devices.api.endpoint import (
    for_device,
    for_owned_device,
    methods,
    read_body,
)
from consent_app.devices.api.openapi import openapi_document
from consent_app.devices.api.problems import ProblemError
from consent_app.devices.errors import EmployeeUnknown
from consent_app.devices.models import Device
from consent_app.register.queries import document_by_digest
from consent_app.restrictions.actions import resume, start_pause
from consent_app.restrictions.models import Restriction
from portal.lib.client_address import client_address
from portal.lib.keys import published_keys
from portal.lib.rate_limits import RateLimited, check_rate

# Of one address in ten minutes. Source: docs/policy.md, section 17.
MOST_ENROLMENTS = {"enrol": 20, "enrol-rollout": 2000, "enrol-stranger": 20}
FOR_EVER = "public, max-age=31536000, immutable"


def enrol(request: HttpRequest) -> HttpResponse:
    body = read_body(request, schemas.Enrolment)
    # A short code must not be guessed. That of a roll-out can't be; a whole office that stands
    # behind one address may enrol at once, but nobody tries which addresses people have.
    _check_rate(request, "enrol-rollout" if body.employee_email else "enrol")
    if body.employee_email:
        # Whoever tried too many is told nothing more, not even of an address that is known.
        _check_rate(request, "enrol-stranger", counts=False)
    try:
        device, token = actions.enrol_device(
            code=body.code,
            public_key=body.public_key.model_dump(),
            hostname=body.hostname,
            platform=body.platform,
            agent_version=body.agent_version,
            employee_email=body.employee_email or "",
        )
    except EmployeeUnknown:
        _check_rate(request, "enrol-stranger")
        raise
    answer: dict[str, object] = {
        "device_id": str(device.pk),
        "token": token,
        "jwks": published_keys(),
        "policy_url": f"{settings.PORTAL_ORIGIN}/agent/v1/policy",
    }
    signed = queries.newest_key_set()
    if signed is not None:
        answer["keys"] = signed.jws
    return JsonResponse(answer, status=201)


def _check_rate(request: HttpRequest, action: str, *, counts: bool = True) -> None:
    try:
        check_rate(
            action,
            client_address(request),
            most=MOST_ENROLMENTS[action],
            per_seconds=600,
            counts=counts,
        )
    except RateLimited as limited:
        headers = {"Retry-After": str(limited.retry_after_seconds)}
        raise ProblemError(429, "too_many_requests", headers=headers) from None


@for_device
def acknowledge(request: HttpRequest, device: Device) -> HttpResponse:
    body = read_body(request, schemas.Acknowledgement)
    kept, _ = actions.receive_acknowledgement(device=device, jws=body.jws)
    return JsonResponse({"sequence": kept.sequence}, status=202)


@for_owned_device
def pause(request: HttpRequest, device: Device) -> HttpResponse:
    body = read_body(request, schemas.Pause)
    started = start_pause(
        employee=device.employee,
        by=device.employee,
        minutes=body.minutes,
        device=device.pk,
        longest=queries.longest_pause_minutes(device.employee.jurisdiction),
        request_key=body.idempotency_key,
    )
    return JsonResponse(_pause_body(started), status=201)


@for_owned_device
def end_pause(_request: HttpRequest, device: Device) -> HttpResponse:
    resume(employee=device.employee, by=device.employee, device=device.pk)
    return HttpResponse(status=204)


def register_document(_request: HttpRequest, *, digest: str) -> HttpResponse:
    return _named_document(document_by_digest(digest))


def counterparty_filter(_request: HttpRequest, *, digest: str) -> HttpResponse:
    return _named_document(filter_document(digest))


def jwks(_request: HttpRequest) -> HttpResponse:
    return JsonResponse(
        published_keys(),
        content_type="application/jwk-set+json",
        headers={"Cache-Control": "public, max-age=300"},
    )


def signed_keys(_request: HttpRequest) -> HttpResponse:
    """Answer the newest key set; agents ask when a key changes, so nobody may keep an older one."""
    signed = queries.newest_key_set()
    if signed is None:
        raise ProblemError(404, "not_found")
    return JsonResponse({"keys": signed.jws}, headers={"Cache-Control": "no-store"})


def openapi(_request: HttpRequest) -> HttpResponse:
    return JsonResponse(openapi_document())


def poll_elsewhere(_request: HttpRequest) -> HttpResponse:
    """Reached only where the pages are served without the ASGI process (docs/operations.md)."""
    raise ProblemError(503, "poll_not_served_here", headers={"Retry-After": "30"})


def nothing_here(_request: HttpRequest, **_path: str) -> HttpResponse:
    raise ProblemError(404, "not_found")


def _named_document(document: bytes | None) -> HttpResponse:
    """Answer a document that its name pins for ever."""
    if document is None:
        raise ProblemError(404, "not_found")
    return HttpResponse(
        document, content_type="application/json", headers={"Cache-Control": FOR_EVER}
    )


def _pause_body(started: Restriction) -> dict[str, object]:
    assert started.ends_at is not None  # noqa: S101 (a database constraint says so)
    return {
        "id": str(started.pk),
        "from": started.starts_at.isoformat().replace("+00:00", "Z"),
        "until": started.ends_at.isoformat().replace("+00:00", "Z"),
    }


enrolments = methods(POST=enrol)
acknowledgements = methods(POST=acknowledge)
pauses = methods(POST=pause)
current_pause = methods(DELETE=end_pause)
registers = methods(GET=register_document)
filters = methods(GET=counterparty_filter)
key_set = methods(GET=jwks)
keys = methods(GET=signed_keys)
description = methods(GET=openapi)
policy = methods(GET=poll_elsewhere)
unknown = methods(
    GET=nothing_here,
    POST=nothing_here,
    PUT=nothing_here,
    PATCH=nothing_here,
    DELETE=nothing_here,
    HEAD=nothing_here,
    OPTIONS=nothing_here,
)
