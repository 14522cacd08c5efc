"""Celery tasks that beat starts. Each calls an action, may run twice, and be late without harm."""

from celery import shared_task

from consent_app.devices import actions


@shared_task(name="devices.keep_policies")
def keep_policies() -> None:
    actions.keep_policies()


@shared_task(name="devices.note_erasures_told")
def note_erasures_told() -> None:
    actions.note_erasures_told()


@shared_task(name="devices.keep_counterparties")
def keep_counterparties() -> None:
    actions.keep_counterparties()
