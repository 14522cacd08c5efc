"""Celery tasks that beat starts. Each calls an action, may run twice, and be late without harm."""

from celery import shared_task

from consent_app.restrictions.actions import reminders


@shared_task(name="restrictions.remind_of_ends")
def remind_of_ends() -> None:
    reminders.remind_of_ends()
