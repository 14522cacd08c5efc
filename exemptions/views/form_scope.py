"""The request form: what it is about. Applications are chosen one by one, and kept at once.

Every button of the page sends all of it, so what is ticked is never lost, with or without
JavaScript; the answer leads back to the page, or on to the next.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from consent_app.register import queries as register
from consent_app.register.models import Application, RegisterVersion
from exemptions.actions import drafts
from exemptions.actions.drafts import Covering
from exemptions.forms.form import About, ScopeForm, SearchForm
from exemptions.models import ExemptionRequest
from exemptions.scope import set_or_none
from exemptions.views.form_steps import of_a_draft, steps_of
from exemptions.views.statuses import status_of
from portal.lib.http import UserRequest, render_partial
from portal.lib.refusals import Refusal

PAGE = "requests/scope.html"
MOST_SHOWN = 24
MOST_SHOWN_OF_A_CATEGORY = 60
# What htmx may ask for; each is the id of a part of the page.
PARTS = frozenset({"picker", "chosen-applications", "application-results"})
# Buttons that keep what is chosen and come back; every other one goes on.
COMES_BACK = frozenset({"keep", "search-now", "add", "remove", "clear"})


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be chosen: every application that is collected from, and those that were found."""

    by_slug: dict[str, Application]
    found: list[Application]

    def chosen(self, slugs: frozenset[str]) -> list[Application]:
        return [application for slug, application in self.by_slug.items() if slug in slugs]


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_draft
def request_scope(request: UserRequest, draft: ExemptionRequest) -> HttpResponse:
    version = register.current_version()
    if version is None:
        return render(request, "register/not_published.html")
    search = SearchForm(request.POST if request.method == "POST" else request.GET)
    if not search.is_valid():
        raise BadRequest
    offer = _offer(version, search)
    form = _form(request, draft, version, offer)
    if request.method != "POST":
        return _page(request, draft, form, search, offer, chosen=_stored(draft, offer))
    if not form.is_valid():
        return _page(request, draft, form, search, offer, chosen=_stored(draft, offer), status=422)
    return _take(request, draft, form, search, offer)


def _take(
    request: UserRequest,
    draft: ExemptionRequest,
    form: ScopeForm,
    search: SearchForm,
    offer: Offer,
) -> HttpResponse:
    """Keep what is chosen, then do what the button says."""
    wanted = COMES_BACK & request.POST.keys()
    chosen = form.chosen
    if "add" in wanted:
        chosen |= {application.slug for application in offer.found}
    if "clear" in wanted:
        chosen = frozenset()
    if not wanted:
        form.check_that_something_is_chosen()
        if form.errors:
            return _page(request, draft, form, search, offer, chosen=chosen, status=422)
    try:
        drafts.choose_covering(
            request=draft, covering=_covering(draft, form, chosen, goes_on=not wanted)
        )
    except Refusal as refusal:
        form.add_error("about", refusal.message)
        status = status_of(refusal)
        return _page(request, draft, form, search, offer, chosen=chosen, status=status)
    if not wanted:
        return redirect("request-period", draft.pk)
    if request.htmx:
        return _page(request, draft, form, search, offer, chosen=chosen)
    return _back(draft, form, search)


def _covering(
    draft: ExemptionRequest, form: ScopeForm, chosen: frozenset[str], *, goes_on: bool
) -> Covering:
    """Return what the draft is about now. Until the reader goes on, what is not said stays."""
    kinds = form.chosen_kinds
    if form.cleaned_data["about"] == About.ALL:
        applications = None if goes_on else set_or_none(draft.applications)
    else:
        applications = chosen or None
    return Covering(applications, set_or_none(draft.kinds) if kinds == frozenset() else kinds)


def _offer(version: RegisterVersion, search: SearchForm) -> Offer:
    wanted = search.cleaned_data
    collected = register.find_applications(version, excluded=False)
    by_slug = {row.slug: row for row in collected.only("slug", "name", "category")}
    found = register.find_applications(
        version, text=wanted["search"], category=wanted["category"], excluded=False
    )
    return Offer(by_slug, [by_slug[slug] for slug in found.values_list("slug", flat=True)])


def _stored(draft: ExemptionRequest, offer: Offer) -> frozenset[str]:
    """Return what was chosen before, apart from what the register lists no more."""
    return frozenset(draft.applications or ()) & offer.by_slug.keys()


def _form(
    request: UserRequest, draft: ExemptionRequest, version: RegisterVersion, offer: Offer
) -> ScopeForm:
    kinds = list(version.kinds.all())
    is_choosing = draft.applications is not None or request.GET.get("about") == About.CHOSEN
    return ScopeForm(
        request.POST if request.method == "POST" else None,
        known=offer.by_slug,
        kinds=kinds,
        stored=_stored(draft, offer),
        initial={
            "about": About.CHOSEN if is_choosing else About.ALL,
            "kinds": draft.kinds or [kind.code for kind in kinds],
        },
    )


def _page(
    request: UserRequest,
    draft: ExemptionRequest,
    form: ScopeForm,
    search: SearchForm,
    offer: Offer,
    *,
    chosen: frozenset[str],
    status: int = 200,
) -> HttpResponse:
    wanted = search.cleaned_data
    most = MOST_SHOWN_OF_A_CATEGORY if wanted["category"] else MOST_SHOWN
    part = request.htmx.target if request.htmx.target in PARTS else "picker"
    context = {
        "draft": draft,
        "form": form,
        "search": search,
        "can_add_found": (wanted["search"] or wanted["category"])
        and not chosen.issuperset(application.slug for application in offer.found),
        "shown": offer.found[:most],
        "found_count": len(offer.found),
        "listed_count": len(offer.by_slug),
        "chosen": offer.chosen(chosen),
        "chosen_slugs": chosen,
        **steps_of(draft, "request-scope"),
    }
    return render_partial(request, PAGE, part, context, status=status)


def _back(draft: ExemptionRequest, form: ScopeForm, search: SearchForm) -> HttpResponse:
    """Lead back to the page with the same search."""
    wanted = {"about": form.cleaned_data["about"], **search.cleaned_data}
    query = urlencode({name: value for name, value in wanted.items() if value})
    return redirect(f"{reverse('request-scope', args=[draft.pk])}?{query}#applications")
