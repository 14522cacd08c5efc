"""Whom rate limits count: the address that our own proxy saw, or who is connected."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the sender's address; X-Forwarded-For counts only behind our proxy, its last entry."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    nearest: str = forwarded.rsplit(",", 1)[-1].strip()
    return nearest or request.META.get("REMOTE_ADDR") or "unknown"
