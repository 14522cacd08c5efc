"""Shows the text of a notice paragraph by paragraph."""

from django import template

from consent_app.register import notice_texts

register = template.Library()


@register.filter
def passages(text: str) -> list[notice_texts.Passage]:
    """Return the paragraphs of a notice, each with its label if it has one."""
    return notice_texts.passages(text)
