"""Errors of the agent API as RFC 9457 problem documents, with a stable `type` and `code`.

The one table from refusal codes to HTTP statuses; a test walks every Refusal that the API can meet.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from django.http import JsonResponse

STATUS_OF_REFUSAL: Mapping[str, int] = {
    "acknowledgement_in_future": 409,
    "acknowledgement_unreadable": 422,
    "device_already_revoked": 409,
    "device_waits_for_owner": 409,
    "effect_wider_than_policy": 422,
    "employee_unknown": 422,
    "enrolment_code_invalid": 422,
    "enrolment_code_spent": 409,
    "enrolment_code_used": 409,
    "idempotency_key_reused": 422,
    "key_already_registered": 422,
    "key_unusable": 422,
    "no_pause": 404,
    "not_found": 404,
    "out_of_range": 422,
    "pause_covers_every_device": 409,
    "pause_not_longer": 409,
    "pause_overlaps": 409,
    "policy_never_issued": 422,
    "sequence_reused": 409,
    "too_many_devices_wait": 409,
    "undeclared": 422,
}


class ProblemError(Exception):
    """An answer other than success, raised anywhere below an endpoint."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def problem_body(
    status: int, code: str, detail: str = "", *, errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, object]:
    """Return the members of a problem document; `errors` names each wrong field."""
    body: dict[str, object] = {
        "type": f"urn:consent-portal:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
    }
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    return body


def problem_response(error: ProblemError) -> JsonResponse:
    body = problem_body(error.status, error.code, error.detail, errors=error.errors)
    response = JsonResponse(body, status=error.status, content_type="application/problem+json")
    response["Cache-Control"] = "no-store"
    for name, value in error.headers.items():
        response[name] = value
    return response
