"""The page "Try it": type something, read what the rules say about it for me, now.

What is typed comes by POST, so that it stands in no address, log or history; it is not stored.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from consent_app.register import queries
from consent_app.register.forms import TryItForm
from consent_app.register.subjects import last_part, read_subject, visible
from portal.lib.http import UserRequest, render_partial
from portal.verdicts import answers_for, standing_of

PAGE = "register/try_it.html"
NEAR_SHOWN = 5
MOST_SEARCHED = 100


@require_http_methods(["GET", "HEAD", "POST"])
def try_it(request: UserRequest) -> HttpResponse:
    version = queries.current_version()
    if version is None:
        return render(request, "register/not_published.html")
    form = TryItForm(request.POST if request.method == "POST" else None)
    context: dict[str, object] = {"try_it_form": form, "version": version}
    if form.is_valid():
        text = form.cleaned_data["text"]
        standing = standing_of(request.user)
        context["text"] = visible(text)
        context["standing"] = standing
        if standing:
            subject = read_subject(text, standing.register)
            groups = answers_for(standing, subject, list(version.kinds.all()))
            context["groups"] = groups
            if not all(answer.is_known for group in groups for answer in group.answers):
                near = queries.find_applications(version, text=last_part(text)[:MOST_SEARCHED])
                context["near"] = near[:NEAR_SHOWN]
    return render_partial(
        request, PAGE, "try-it-verdict", context, status=422 if form.errors else 200
    )
