"""The page "What is collected": the register in words, and each application with what holds for me.

It stands here and not in the register's room because "for me" needs the devices' rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.core.paginator import EmptyPage, Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent_agent.protocol.decision import Reason, Verdict
from consent_app.ledger.queries.incidents import incidents_shown
from consent_app.register import queries
from consent_app.register.described import kinds_in_words
from consent_app.register.forms import RegisterSearchForm, TryItForm
from consent_app.register.models import Application, DataKind, RegisterVersion
from portal.lib.http import UserRequest, render_partial
from portal.verdicts import Standing, outcome_for, standing_of

PAGE = "register/register.html"
APPLICATIONS_PER_PAGE = 50

# State and word of the badge; every other reason is a plain "Not collected".
BADGES = {
    Reason.ALLOWED: ("collecting", "Collected"),
    Reason.EXCLUDED: ("not_collecting", "Never collected"),
    Reason.PAUSE: ("paused", "Paused"),
    Reason.EXEMPTION: ("exempt", "Exempt"),
    Reason.PROTECTION: ("protected", "Protected"),
}
NOT_COLLECTED = ("not_collecting", "Not collected")


@dataclass(frozen=True, slots=True)
class Row:
    """An application and what holds for the reader: a state and a word, or nothing is known.

    `kinds` names what is collected from it, where that is not all that the register knows.
    """

    application: Application
    kinds: str
    state: str
    word: str


@require_safe
def register_page(request: UserRequest) -> HttpResponse:
    version = queries.current_version()
    if version is None:
        return render(request, "register/not_published.html")
    form = RegisterSearchForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    page = _page_of_applications(version, form)
    kinds = list(version.kinds.all())
    standing = standing_of(request.user)
    context = {
        "version": version,
        "upcoming": queries.upcoming_versions(at=timezone.now()),
        "counts": queries.count_applications(version),
        "form": form,
        "is_filtered": any(form.cleaned_data[name] for name in ("search", "category", "collected")),
        "page": page,
        "rows": _rows(page, standing, kinds),
        "kinds": kinds,
        "has_devices": standing is not None and standing.has_devices,
        "try_it_form": TryItForm(),
        "incidents": incidents_shown(at=timezone.now()),
    }
    return render_partial(request, PAGE, "application-list", context)


def _page_of_applications(version: RegisterVersion, form: RegisterSearchForm) -> Page[Application]:
    wanted = form.cleaned_data
    found = queries.find_applications(
        version,
        text=wanted["search"],
        category=wanted["category"],
        excluded={"yes": False, "no": True}.get(wanted["collected"]),
    )
    try:
        return Paginator(found, APPLICATIONS_PER_PAGE).page(wanted["page"] or 1)
    except EmptyPage:
        raise Http404 from None


def _rows(
    page: Page[Application], standing: Standing | None, kinds: Sequence[DataKind]
) -> list[Row]:
    codes = [kind.code for kind in kinds]
    by_code = {kind.code: kind for kind in kinds}
    verdicts = (
        outcome_for(standing, application.slug, codes) if standing else None for application in page
    )
    return [
        Row(application, _some_kinds(application, by_code), *_badge(verdict))
        for application, verdict in zip(page, verdicts, strict=True)
    ]


def _some_kinds(application: Application, kinds: Mapping[str, DataKind]) -> str:
    is_all = set(application.kinds) == kinds.keys()
    return "" if is_all else kinds_in_words(application.kinds, kinds)


def _badge(verdict: Verdict | None) -> tuple[str, str]:
    return BADGES.get(verdict.reason, NOT_COLLECTED) if verdict else NOT_COLLECTED
