"""Celery tasks that beat starts. Each calls an action, may run twice, and be late without harm."""

from celery import shared_task

from consent_app.register.actions.announcing import announce_newest


@shared_task(name="register.announce")
def announce() -> None:
    announce_newest()
