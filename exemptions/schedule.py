"""Celery tasks that beat starts. Each calls an action, may run twice, and be late without harm."""

from celery import shared_task

from exemptions.actions import digest, timekeeping


@shared_task(name="exemptions.keep_time")
def keep_time() -> None:
    timekeeping.keep_time()


@shared_task(name="exemptions.send_digests")
def send_digests() -> None:
    digest.send_digests()
