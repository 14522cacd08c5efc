"""Reads of the version in preparation: what it changes, what is missing, when it may hold."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_app.register.diff import Change, Snapshot, diff, is_better_spelling, widens
from consent_app.register.document import register_document
from consent_app.register.errors import RegisterTooLarge
from consent_app.register.models import MAX_DOCUMENT_BYTES, Notice, NoticeForm, RegisterVersion
from consent_app.register.notice_fields import missing
from consent_app.register.notice_texts import notice_texts

# How long people know before it holds. Source: docs/policy.md, section 12.
WIDENING_NOTICE = timedelta(days=14)
# A slip in the year would keep every later version waiting for it.
LATEST_AFTER = timedelta(days=366)
ASKING_NOTICE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version that is not published yet, beside the one before it.

    `notices` names the text of each form; it can be another one where no change is listed, when
    things stand in another order.
    """

    version: RegisterVersion
    changes: list[Change]
    problems: list[str]
    notices: dict[str, str]
    asks_again: bool

    @property
    def widens(self) -> bool:
        return widens(self.changes, is_immaterial=self.version.is_immaterial)

    @property
    def could_be_immaterial(self) -> bool:
        """Whether nothing but spelling changes, so that two people may call it a slip."""
        return not widens(self.changes, is_immaterial=True) and is_better_spelling(self.changes)

    @property
    def digest(self) -> str:
        """Name everything that is to be decided on, as it is now."""
        shown = [
            [change.part, change.key, change.name, change.field, change.before, change.after]
            for change in self.changes
        ]
        said = [self.version.is_immaterial, self.version.summary, shown, self.notices]
        return content_digest(canonical_json(said))

    def earliest(self, *, at: datetime) -> datetime:
        """Return from when on it may hold, if it is published at `at`."""
        before = self.version.based_on
        earliest = before.in_force_at if before and before.in_force_at else at
        notice = timedelta(0)
        if self.widens:
            notice = WIDENING_NOTICE
        elif self.asks_again:
            notice = ASKING_NOTICE
        return max(at + notice, earliest)


def draft_in_preparation() -> RegisterVersion | None:
    """Return the version that is not published yet, if there is one."""
    people = ("based_on", "drafted_by", "proposed_by", "approved_by", "sent_back_by")
    return RegisterVersion.objects.unpublished().select_related(*people).first()


def prepared(version: RegisterVersion) -> Prepared:
    """Hold a version against the one that it changes."""
    assert version.based_on is not None  # noqa: S101 (only the first, which is published, has none)
    said = snapshot(version)
    texts = notice_texts(version, said.kinds.values())
    notices = {form.value: content_digest(text.encode()) for form, text in texts.items()}
    before = dict(Notice.objects.filter(version=version.based_on).values_list("form", "digest"))
    return Prepared(
        version=version,
        changes=diff(snapshot(version.based_on), said),
        problems=_problems(said),
        notices=notices,
        asks_again=not version.is_immaterial and notices != before,
    )


@dataclass(frozen=True, slots=True)
class NoticeAhead:
    """A notice as people will read it once the version holds; `is_same` as they read it now."""

    form: NoticeForm
    text: str
    is_same: bool


def notices_ahead(version: RegisterVersion) -> list[NoticeAhead]:
    """Write the notices of a version that is not published yet."""
    before = dict(Notice.objects.filter(version=version.based_on).values_list("form", "text"))
    texts = notice_texts(version, version.kinds.all())
    return [NoticeAhead(form, text, text == before.get(form)) for form, text in texts.items()]


def snapshot(version: RegisterVersion) -> Snapshot:
    """Read all that a version says."""
    return Snapshot.of(
        version,
        applications=version.applications.all(),
        kinds=version.kinds.all(),
        safeguards=version.safeguards.all(),
    )


def too_large(said: Snapshot) -> bool:
    """Whether the document of all this would be larger than devices accept."""
    document = register_document(
        number=said.version.number,
        published_at=timezone.now(),
        applications=said.applications.values(),
        safeguards=said.safeguards.values(),
    )
    return len(document) > MAX_DOCUMENT_BYTES


def _problems(said: Snapshot) -> list[str]:
    """Say what keeps a version from being published, each in a sentence."""
    found = [f"{field.title} ({field.law}) {field.problem}." for field in missing(said.fields)]
    found += [
        f"{application.name} has a kind that is not described: {unknown[0]}."
        for application in said.applications.values()
        if (unknown := sorted(set(application.kinds) - said.kinds.keys()))
    ]
    if not said.kinds:
        found.append("There is no kind of data.")
    if not said.version.readers:
        found.append("Nobody is named who may read it.")
    if too_large(said):
        found.append(RegisterTooLarge.message)
    return found
