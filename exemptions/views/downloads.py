"""Gives out attached files."""

from django.http import HttpResponse
from django.views.decorators.debug import sensitive_variables

from exemptions.models import Attachment, ExemptionRequest
from exemptions.sealed import attachment_content


@sensitive_variables()
def download(request: ExemptionRequest, attachment: Attachment) -> HttpResponse:
    """Answer with a file that no browser opens inside this site; its own name stays sealed."""
    content = attachment_content(request, attachment)
    response = HttpResponse(content, content_type=attachment.media_type)
    name = f"file-{attachment.number}.{attachment.extension}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response
