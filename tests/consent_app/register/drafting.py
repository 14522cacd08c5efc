"""What a draft says, and what a page says."""

from consent_app.register.models import RegisterVersion
from consent_app.register.queries.review import prepared


def fresh(draft) -> RegisterVersion:
    return RegisterVersion.objects.select_related("based_on").get(pk=draft.pk)


def changes(draft) -> dict[tuple[str, str], str]:
    return {
        (change.name, change.field): change.effect.value
        for change in prepared(fresh(draft)).changes
    }


def text(response) -> str:
    return " ".join(response.content.decode().split())
