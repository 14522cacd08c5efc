"""Celery tasks that beat starts. Each calls an action, may run twice, and be late without harm."""

from celery import shared_task

from consent_app.ledger import actions


@shared_task(name="ledger.keep_days")
def keep_days() -> None:
    actions.keep_days()
