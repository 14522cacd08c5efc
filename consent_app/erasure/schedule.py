"""Celery tasks. Each calls an action, may run twice, and be late without harm."""

import uuid

from celery import shared_task
from django.utils import timezone

from consent_app.erasure import actions, queries
from consent_app.erasure.tasks import DELIVER, hint


@shared_task(name=DELIVER)
def deliver(erasure_id: str) -> None:
    """Send one order to one store, unless that was done."""
    actions.deliver(erasure_id=uuid.UUID(erasure_id))


@shared_task(name="erasure.sweep")
def sweep() -> None:
    """Hand out what is to be sent (again), each as a task of its own: stores can be slow."""
    for erasure_id in queries.waiting_messages(at=timezone.now(), limit=500):
        if not hint(erasure_id):
            return


@shared_task(name="erasure.keep_time")
def keep_time() -> None:
    actions.keep_time()
