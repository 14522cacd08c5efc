"""`POST /erasure/confirmations`: a store's signed word that it erased. docs/data-stores.md.

Errors are RFC 9457 problem documents with a stable `code`. Nothing is read from or written to the
database about an order before the signature is right; an unknown store and a wrong signature are
answered alike.
"""

from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import ValidationError

from consent_agent.protocol.errors import DocumentRefused
from consent_app.erasure import actions, queries
from consent_app.erasure.errors import SignatureInvalid
from consent_app.erasure.messages import Confirmed, read_confirmation
from portal.lib.client_address import client_address
from portal.lib.rate_limits import RateLimited, check_rate
from portal.lib.refusals import Refusal

MAX_BODY_BYTES = 16 * 1024
MOST_CALLS = 600
STATUS_OF_REFUSAL = {
    "confirmed_differently": 409,
    "erased_at_impossible": 422,
    "message_reused": 409,
    "order_unknown": 404,
    "signature_invalid": 401,
    "timestamp_out_of_range": 401,
}


@csrf_exempt
@login_not_required
@require_POST
def confirmations(request: HttpRequest) -> JsonResponse:
    try:
        check_rate("erasure-confirmation", client_address(request), most=MOST_CALLS, per_seconds=60)
    except RateLimited as limited:
        response = _problem(429, "too_many_requests")
        response["Retry-After"] = str(limited.retry_after_seconds)
        return response
    if request.content_type != "application/json":
        return _problem(415, "unsupported_media_type", "Send application/json in UTF-8.")
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return _problem(413, "too_large", f"A body has at most {MAX_BODY_BYTES} bytes.")
    try:
        said = read_confirmation(body)
        return _take(request, body, said)
    except DocumentRefused:
        return _problem(400, "invalid_json")
    except ValidationError as invalid:
        return _problem(422, "invalid_value", _in_words(invalid))
    except Refusal as refusal:
        return _problem(STATUS_OF_REFUSAL[refusal.code], refusal.code, refusal.message)


def _take(request: HttpRequest, body: bytes, said: Confirmed) -> JsonResponse:
    store = queries.store_by_id(said.store)
    headers = {name.lower(): value for name, value in request.headers.items()}
    message_id = queries.verified_message(store, body=body, headers=headers)
    if store is None:
        raise SignatureInvalid
    erasure = actions.confirm_at_store(store=store, said=said, message_id=message_id)
    kept = {"order": str(erasure.order_id), "confirmed_at": erasure.confirmed_at}
    return JsonResponse(kept, headers={"Cache-Control": "no-store"})


def _in_words(invalid: ValidationError) -> str:
    """Return which members are wrong and how; never what they held."""
    wrong = invalid.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong)


def _problem(status: int, code: str, detail: str = "") -> JsonResponse:
    body = {
        "type": f"urn:consent-portal:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
    }
    if detail:
        body["detail"] = detail
    response = JsonResponse(body, status=status, content_type="application/problem+json")
    response["Cache-Control"] = "no-store"
    return response
