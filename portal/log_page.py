"""The page "The log" for auditors: its head now, to keep, and proof that it only grew since one.

No entry is shown. What an auditor takes away is checked with `consent-agent verify-history` and
without the portal: it is the portal's own word that is checked.
"""

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consent_app.audit.histories import checkpoint_of, head_now, history_since
from consent_app.audit.queries import tree_head
from consent_app.people.roles import Role
from portal.lib.http import UserRequest

PAGE = "records/log.html"


class SinceForm(forms.Form):
    """How many entries the log had when something was kept."""

    since = forms.IntegerField(
        label="Entries in what you kept",
        help_text="It stands in the name of a checkpoint. For a receipt, its check says it.",
        min_value=1,
    )

    def __init__(self, *args: object, size: int, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as they came
        self.size = size

    def clean_since(self) -> int:
        since: int = self.cleaned_data["since"]
        if since > self.size:
            raise forms.ValidationError(
                f"The log has {self.size:,} entries. If what you kept is signed and has more, the"
                " log was cut off: keep it, it is the evidence."
            )
        return since


@require_safe
def log(request: UserRequest) -> HttpResponse:
    """Show the head; with `since`, give the history from there as a file."""
    _check_reader(request)
    head = tree_head()
    form = SinceForm(request.GET if "since" in request.GET else None, size=head.size)
    if form.is_bound and form.is_valid():
        since = form.cleaned_data["since"]
        content = history_since([since])
        return _file(content, f"log-history-since-{since}.json", "application/json")
    context = {"size": f"{head.size:,}", "root": head.root.hex(), "form": form}
    return render(request, PAGE, context, status=422 if form.errors else 200)


@require_safe
def log_checkpoint(request: UserRequest) -> HttpResponse:
    """Give the signed head as a file of one line."""
    _check_reader(request)
    head = head_now()
    # The number is asked for again with the proof, and nobody reads it out of a signed line.
    name = f"log-checkpoint-{head.size}-entries-{head.issued_at:%Y-%m-%d}.jws"
    return _file(f"{checkpoint_of(head)}\n".encode(), name, "application/jose")


def _check_reader(request: UserRequest) -> None:
    # The length of the log grows with what anybody chooses, so those who decide don't see it here.
    if not request.user.has_role(Role.AUDITOR):
        raise PermissionDenied


def _file(content: bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
