"""`POST /agent/v1/ledger`: a device reports what it counted."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from consent_app.devices.api import schemas
from consent_app.devices.api.endpoint import for_owned_device, methods, read_body
from consent_app.devices.api.problems import STATUS_OF_REFUSAL, ProblemError
from consent_app.devices.models import Device
from consent_app.ledger import actions
from consent_app.ledger.errors import ReportRefused
from consent_app.ledger.rules import Counted, Spent


@for_owned_device
def report(request: HttpRequest, device: Device) -> HttpResponse:
    body = read_body(request, schemas.Ledger)
    try:
        actions.receive_report(
            device=device,
            counted=[_counted(row) for row in body.reports],
            spent=[_spent(row) for row in body.cost],
        )
    except ReportRefused as refused:
        raise ProblemError(
            STATUS_OF_REFUSAL[refused.code],
            refused.code,
            refused.message,
            errors=[
                {"field": field, "code": refused.code, "detail": detail}
                for field, detail in refused.fields
            ],
        ) from None
    answer = {"reports": len(body.reports), "cost": len(body.cost)}
    return JsonResponse(answer, status=202)


def _counted(row: schemas.HourlyReport) -> Counted:
    return Counted(row.hour, row.application, row.kind, row.captured, row.suppressed)


def _spent(row: schemas.HourlyCost) -> Spent:
    return Spent(row.hour, row.cpu_seconds, row.bytes, row.battery_mwh)


ledger = methods(POST=report)
