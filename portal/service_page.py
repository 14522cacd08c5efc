"""The page about the service itself, for IT. It asks again by itself while it is open."""

from datetime import timedelta

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from consent_app.devices.fleet import check_is_it
from portal.lib.http import UserRequest, render_partial
from portal.service import MOST_COUNTED, Health, health

PAGE = "fleet/service.html"
PARTIAL = "service-now"
# Beat gives its sign of life every 30 seconds, and sweeps mails every 15.
PULSE_IS_LATE = timedelta(seconds=90)
MAIL_IS_LATE = timedelta(minutes=5)


@require_safe
def service(request: UserRequest) -> HttpResponse:
    check_is_it(request.user)
    found = health()
    context = {
        "health": found,
        "most_counted": MOST_COUNTED,
        "size_megabytes": f"{found.database.size_bytes / 1_000_000:,.0f}",
        "warnings": _warnings(found),
    }
    return render_partial(request, PAGE, PARTIAL, context)


def _warnings(found: Health) -> list[str]:
    """Return what is wrong, in sentences, the gravest first; nothing that is only unknown."""
    said = []
    if found.processes.polling == 0:
        said.append("No process answers devices. Each stops collecting when its freshness is over.")
    elif found.processes.listening < found.processes.polling:
        said.append(
            "A process that answers devices does not hear of changes. It reads the database for "
            "every question until it does."
        )
    if not found.queue.is_reached:
        said.append("The broker can't be reached. Mails wait; decisions and devices do not.")
    elif found.queue.has_worker is False:
        said.append("No worker answered within half a second. Mails wait while there is none.")
    if found.pulse and found.at - found.pulse > PULSE_IS_LATE:
        said.append("Beat or the workers have not done what is scheduled for more than 90 seconds.")
    if found.mails.oldest and found.at - found.mails.oldest > MAIL_IS_LATE:
        said.append("A message has waited to be mailed for more than five minutes.")
    return said
