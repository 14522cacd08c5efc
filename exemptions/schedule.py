"""Celery tasks that beat starts. Each calls an action, may run twice, and be late without harm."""

from celery import shared_task

from exemptions.actions.timekeeping import keep_time as keep


@shared_task(name="exemptions.keep_time")
def keep_time() -> None:
    keep()
