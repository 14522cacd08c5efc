"""What takes collection away from somebody, and what they prefer."""

from consent_app.people.models import Employee
from consent_app.restrictions.models import PausePreference, QuietTime, Restriction
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    taken_away = Restriction.objects.filter(employee=person).order_by("starts_at", "pk")
    return Section(
        name="pauses",
        title="Your pauses and preferences",
        explanation=(
            "Everything that ever took collection away from you: pauses, preferences, exemptions, "
            "protection. Applications, kinds or device left empty mean all."
        ),
        tables=[
            table_of(
                "restrictions", "What was left out of collection", taken_away,
                "source", "starts_at", "ends_at", "applications", "kinds", "device", "decided_at",
                "cause", "request_key", only_data=["cause", "request_key"],
            ),
            table_of(
                "preferences", "Preferences", PausePreference.objects.filter(employee=person),
                "default_minutes", "default_device", "reminder_minutes", "battery_below_percent",
                "denies_metered", "denies_private_window", "changed_at",
            ),
            table_of(
                "quiet_times", "Quiet times",
                QuietTime.objects.filter(employee=person).order_by("chosen_at"),
                "starts_at", "minutes", "weekdays", "chosen_at", "ended_at",
            ),
        ],
    )  # fmt: skip
