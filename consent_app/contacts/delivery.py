"""Sends one owed mail to somebody without an account: claims the row, sends, deletes it.

Every address gets the same mail, whether anything is known of it or not; only who can read the
mail learns more, by its link. Links are sent to one mailbox three times an hour at most: somebody
else may be asking.
"""

import logging
import uuid
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from consent_app.contacts import links, rules
from consent_app.contacts.models import MailKind, OwedMail
from portal.lib.rate_limits import RateLimited, check_rate

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=2)
MAX_ATTEMPTS = 8
LINKS_PER_HOUR = 3


def mail(mail_id: uuid.UUID) -> bool:
    """Send one mail if it is still owed and nobody else is at it; say whether it was sent."""
    now = timezone.now()
    unclaimed = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    claimed = OwedMail.objects.filter(unclaimed, pk=mail_id).update(
        claimed_until=now + CLAIM, attempts=F("attempts") + 1
    )
    if not claimed:
        return False
    owed = OwedMail.objects.get(pk=mail_id)
    if owed.attempts > MAX_ATTEMPTS:
        logger.error("mail %s was given up", mail_id)
        owed.delete()
        return False
    if _is_too_much(owed):
        owed.delete()
        return False
    try:
        _message(owed).send()
    except (SMTPException, OSError) as error:
        logger.warning("mail %s not sent: %s", mail_id, type(error).__name__)
        wait = timedelta(seconds=15 * 2**owed.attempts)
        OwedMail.objects.filter(pk=mail_id).update(claimed_until=timezone.now() + wait)
        return False
    owed.delete()
    return True


def _is_too_much(owed: OwedMail) -> bool:
    if owed.kind != MailKind.LINK or owed.attempts > 1:
        return False
    mailbox = rules.mailbox_of(owed.address)
    try:
        check_rate("contact-link", mailbox, most=LINKS_PER_HOUR, per_seconds=3600)
    except RateLimited:
        return True
    return False


def _message(owed: OwedMail) -> EmailMultiAlternatives:
    path = reverse("contact", args=[links.new_token(owed.address)])
    context = {
        "portal": settings.PORTAL_ORIGIN,
        "link": f"{settings.PORTAL_ORIGIN}{path}",
        "hours": round(links.LINKS_LAST.total_seconds() / 3600),
    }
    stem = f"contacts/mails/{owed.kind}"
    message = EmailMultiAlternatives(
        subject=" ".join(render_to_string(f"{stem}.subject.txt", context).split()),
        body=render_to_string(f"{stem}.txt", context),
        to=[owed.address],
        headers={"Message-ID": f"<{owed.pk}@{settings.PORTAL_HOST}>"},
    )
    message.attach_alternative(render_to_string(f"{stem}.html", context), "text/html")
    return message
