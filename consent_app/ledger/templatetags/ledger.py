"""Counts as people read them."""

from django import template

register = template.Library()


@register.filter
def grouped(count: int) -> str:
    """Return "1,204"."""
    return f"{count:,}"


@register.filter
def short_number(count: int) -> str:
    """Return "950", "1.5k", "40k", "2M": for the scale of a chart."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + letter
    return str(count)
