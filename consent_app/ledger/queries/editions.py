"""What the register listed, as far as a report asks about it."""

from collections.abc import Collection
from datetime import datetime

from consent_app.ledger.rules import HOUR, Edition, Listed, editions_of
from consent_app.register.models import Application, DataKind
from consent_app.register.queries import published_versions


def editions_about(
    applications: Collection[str], hours: Collection[datetime]
) -> dict[datetime, list[Edition]]:
    """Return for each hour what devices may have gone by then, with these applications alone."""
    if not hours:
        return {}
    before = max(hours) + HOUR
    versions = {
        version.pk: version
        for version in reversed(published_versions())
        if version.in_force_at and version.in_force_at < before
    }
    listed: dict[int, dict[str, Listed]] = {pk: {} for pk in versions}
    rows = Application.objects.filter(version__in=versions, slug__in=applications)
    for version, slug, kinds, excluded in rows.values_list(
        "version_id", "slug", "kinds", "excluded"
    ):
        listed[version][slug] = Listed(frozenset(kinds), excluded)
    kinds_of: dict[int, set[str]] = {pk: set() for pk in versions}
    codes = DataKind.objects.filter(version__in=versions).values_list("version_id", "code")
    for version, code in codes:
        kinds_of[version].add(code)
    editions = [
        Edition(version.in_force_at, frozenset(kinds_of[pk]), listed[pk])
        for pk, version in versions.items()
        if version.in_force_at
    ]
    return {hour: editions_of(hour, editions) for hour in hours}
