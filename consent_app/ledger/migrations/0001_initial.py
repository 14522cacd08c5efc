"""The ledger's tables. Counts and costs are partitioned by day, so that a day is dropped at once.

Who serves requests owns no table and can't make or drop one. So two functions do it with the rights
of their owner, and nothing else: `ledger_make_days` and `ledger_drop_days`.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = """
CREATE TABLE ledger_hourlycount (
    hour timestamptz NOT NULL,
    reporter_id integer NOT NULL,
    count integer NOT NULL CONSTRAINT ledger_count_any CHECK (count >= 1),
    application_id smallint NOT NULL,
    kind_id smallint NOT NULL,
    outcome_id smallint NOT NULL,
    PRIMARY KEY (reporter_id, hour, application_id, kind_id, outcome_id)
) PARTITION BY RANGE (hour);
CREATE TABLE ledger_hourlycost (
    hour timestamptz NOT NULL,
    reporter_id integer NOT NULL,
    cpu_milliseconds integer NOT NULL CHECK (cpu_milliseconds >= 0),
    sent_bytes integer NOT NULL CHECK (sent_bytes >= 0),
    battery_milliwatt_hours integer CHECK (battery_milliwatt_hours >= 0),
    PRIMARY KEY (reporter_id, hour)
) PARTITION BY RANGE (hour);
"""

# A day is one of UTC. One maker at a time: two that make the same day would meet in the catalogue.
FUNCTIONS = """
CREATE FUNCTION ledger_make_days(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    of_table text;
    day date := first_day;
    made integer := 0;
BEGIN
    IF last_day - first_day > 62 THEN
        RAISE EXCEPTION 'at most 63 days at once' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ledger_days'));
    WHILE day <= last_day LOOP
        FOREACH of_table IN ARRAY ARRAY['ledger_hourlycount', 'ledger_hourlycost'] LOOP
            IF to_regclass(of_table || to_char(day, '_YYYYMMDD')) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    of_table || to_char(day, '_YYYYMMDD'), of_table,
                    day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
                );
                made := made + 1;
            END IF;
        END LOOP;
        day := day + 1;
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION ledger_drop_days(before_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old_day regclass;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_days'));
    -- Names are compared as text: the condition may meet any table before the join does.
    FOR old_day IN
        SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent IN ('ledger_hourlycount'::regclass, 'ledger_hourlycost'::regclass)
          AND right(relname, 8) < to_char(before_day, 'YYYYMMDD')
        ORDER BY relname
    LOOP
        EXECUTE format('DROP TABLE %s', old_day);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

SELECT ledger_make_days((now() AT TIME ZONE 'UTC')::date - 8, (now() AT TIME ZONE 'UTC')::date + 14);
"""

NO_TABLES = """
DROP FUNCTION ledger_make_days(date, date);
DROP FUNCTION ledger_drop_days(date);
DROP TABLE ledger_hourlycount;
DROP TABLE ledger_hourlycost;
"""


def numbered(to: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name="+",
        to=to,
    )


COUNTS = migrations.CreateModel(
    name="HourlyCount",
    fields=[
        (
            "pk",
            models.CompositePrimaryKey(
                "reporter_id",
                "hour",
                "application_id",
                "kind_id",
                "outcome_id",
                blank=True,
                editable=False,
                primary_key=True,
                serialize=False,
            ),
        ),
        ("hour", models.DateTimeField(help_text="its beginning, whole in UTC")),
        ("count", models.PositiveIntegerField()),
        ("reporter", numbered("ledger.reporter")),
        ("application", numbered("ledger.word")),
        ("kind", numbered("ledger.word")),
        ("outcome", numbered("ledger.word")),
    ],
    options={
        "constraints": [
            models.CheckConstraint(condition=models.Q(count__gte=1), name="ledger_count_any")
        ],
    },
)
COSTS = migrations.CreateModel(
    name="HourlyCost",
    fields=[
        (
            "pk",
            models.CompositePrimaryKey(
                "reporter_id", "hour", blank=True, editable=False, primary_key=True, serialize=False
            ),
        ),
        ("hour", models.DateTimeField(help_text="its beginning, whole in UTC")),
        ("cpu_milliseconds", models.PositiveIntegerField()),
        ("sent_bytes", models.PositiveIntegerField()),
        (
            "battery_milliwatt_hours",
            models.PositiveIntegerField(
                help_text="null where the device can't measure it", null=True
            ),
        ),
        ("reporter", numbered("ledger.reporter")),
    ],
)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("devices", "0002_ceilings_ahead"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Word",
            fields=[
                ("id", models.SmallAutoField(primary_key=True, serialize=False)),
                ("word", models.CharField(max_length=60, unique=True)),
            ],
            options={"ordering": ("word",)},
        ),
        migrations.CreateModel(
            name="Reporter",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "first_captured_at",
                    models.DateTimeField(
                        help_text="the first hour in which anything was captured; outlives its counts",
                        null=True,
                    ),
                ),
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reporter",
                        to="devices.device",
                    ),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLES + FUNCTIONS, NO_TABLES),
            ],
            state_operations=[COUNTS, COSTS],
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("application", models.CharField(max_length=60)),
                ("kind", models.CharField(max_length=40)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "devices",
                    models.PositiveIntegerField(default=0, help_text="how many reported it"),
                ),
                ("explanation", models.CharField(blank=True, max_length=2000)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-first_seen_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(closed_at__isnull=True),
                        fields=("application", "kind"),
                        name="incident_of_the_same_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            closed_at__isnull=True, closed_by__isnull=True, explanation=""
                        )
                        | models.Q(closed_at__isnull=False, closed_by__isnull=False)
                        & ~models.Q(explanation=""),
                        name="incident_closed_with_explanation",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(last_seen_at__gte=models.F("first_seen_at")),
                        name="incident_seen_in_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentDevice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_seen_at", models.DateTimeField()),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="devices.device",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reported_by",
                        to="ledger.incident",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("incident", "device"), name="incident_device_once"
                    )
                ],
            },
        ),
    ]
