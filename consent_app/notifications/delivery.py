"""Mails one notification: claims the row, sends, marks it. May run twice; sends at least once.

Whether the person wants the mail is asked here and not when it is owed: what they say last counts
for everything that has not left yet, and the decision's transaction stays one INSERT.
"""

import logging
import uuid
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone, translation

from consent_app.notifications import queries
from consent_app.notifications.catalogue import in_words
from consent_app.notifications.models import Notification, NotificationQuerySet

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=2)
MAX_ATTEMPTS = 8


def mail(notification_id: uuid.UUID) -> bool:
    """Send one message if it is still owed and nobody else is at it; say whether it was sent."""
    now = timezone.now()
    claimed = (
        Notification.objects.unsent()
        .filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=now), pk=notification_id)
        .update(claimed_until=now + CLAIM, attempts=F("attempts") + 1)
    )
    if not claimed:
        return False
    notification = Notification.objects.select_related("recipient").get(pk=notification_id)
    if notification.attempts > MAX_ATTEMPTS:
        # Every earlier try ended without a word: a fault in the message, or a worker killed by it.
        _still_unsent(notification).update(failed_at=timezone.now())
        return False
    if not queries.is_mail_wanted(notification):
        _still_unsent(notification).update(unwanted_at=timezone.now())
        return False
    try:
        _message(notification).send()
    except (SMTPException, OSError) as error:
        logger.warning("notification %s not sent: %s", notification_id, type(error).__name__)
        _put_back(notification)
        return False
    _mark_mailed(notification)
    return True


def _message(notification: Notification) -> EmailMultiAlternatives:
    recipient = notification.recipient
    context = {
        **in_words(notification.context),
        "recipient": recipient,
        "portal": settings.PORTAL_ORIGIN,
        "address": notification.address,
    }
    stem = f"emails/{notification.event}"
    with translation.override(recipient.locale):
        message = EmailMultiAlternatives(
            subject=" ".join(render_to_string(f"{stem}.subject.txt", context).split()),
            body=render_to_string(f"{stem}.txt", context),
            to=[recipient.email],
            headers={"Message-ID": f"<{notification.pk}@{settings.PORTAL_HOST}>"},
        )
        message.attach_alternative(render_to_string(f"{stem}.html", context), "text/html")
    return message


def _mark_mailed(notification: Notification) -> None:
    """The mail has left: that is true whatever a worker that took the row over has noted."""
    Notification.objects.filter(pk=notification.pk).update(
        mailed_at=timezone.now(), unwanted_at=None, failed_at=None
    )


def _put_back(notification: Notification) -> None:
    """Try again later, each time after twice as long; give up visibly after MAX_ATTEMPTS."""
    now = timezone.now()
    wait = timedelta(seconds=15 * 2**notification.attempts)
    given_up = now if notification.attempts >= MAX_ATTEMPTS else None
    _still_unsent(notification).update(claimed_until=now + wait, failed_at=given_up)


def _still_unsent(notification: Notification) -> NotificationQuerySet:
    """Leave the row alone if another worker has mailed it meanwhile."""
    return Notification.objects.unsent().filter(pk=notification.pk)
