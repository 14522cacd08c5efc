"""Stores, orders to erase, and what each device and store said of them."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DataStore",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                (
                    "holds",
                    models.CharField(help_text="what it holds, as staff read it", max_length=300),
                ),
                ("endpoint", models.URLField(max_length=500)),
                ("sealing_key", models.BinaryField()),
                ("secret", models.BinaryField()),
                ("former_secret", models.BinaryField(null=True)),
                ("former_until", models.DateTimeField(null=True)),
                ("added_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
                (
                    "escalated_at",
                    models.DateTimeField(help_text="when staff were told last", null=True),
                ),
            ],
            options={
                "ordering": ("name",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("name", ""), _negated=True),
                            models.Q(("holds", ""), _negated=True),
                        ),
                        name="data_store_says_what_it_holds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("former_secret__isnull", True), ("former_until__isnull", True)
                            ),
                            models.Q(
                                ("former_secret__isnull", False), ("former_until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="data_store_former_key_ends",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasureOrder",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "applications",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SlugField(max_length=80), null=True
                    ),
                ),
                ("ordered_at", models.DateTimeField()),
                (
                    "escalated_at",
                    models.DateTimeField(help_text="when its owner was told", null=True),
                ),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("completed", "Forgotten everywhere"),
                            ("incomplete", "Ended without everybody's word"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "employee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasure_orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-ordered_at",),
            },
        ),
        migrations.CreateModel(
            name="DeviceErasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("device", models.UUIDField()),
                ("hostname", models.CharField(max_length=80)),
                ("is_awaited", models.BooleanField()),
                (
                    "told_at",
                    models.DateTimeField(
                        help_text="when it was given a policy that says so", null=True
                    ),
                ),
                ("due_at", models.DateTimeField(null=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("gone_at", models.DateTimeField(null=True)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="devices",
                        to="erasure.erasureorder",
                    ),
                ),
            ],
            options={
                "ordering": ("hostname", "device"),
            },
        ),
        migrations.CreateModel(
            name="StoreErasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_failure", models.CharField(blank=True, max_length=40)),
                ("received_at", models.DateTimeField(null=True)),
                ("given_up_at", models.DateTimeField(null=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
                (
                    "confirmation_id",
                    models.CharField(blank=True, help_text="webhook-id of it", max_length=120),
                ),
                ("erased_at", models.DateTimeField(help_text="by the store's clock", null=True)),
                (
                    "used_in_training",
                    models.CharField(
                        blank=True,
                        choices=[("yes", "yes"), ("no", "no"), ("unknown", "not known")],
                        max_length=7,
                    ),
                ),
                ("records", models.PositiveBigIntegerField(null=True)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stores",
                        to="erasure.erasureorder",
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasures",
                        to="erasure.datastore",
                    ),
                ),
            ],
            options={
                "ordering": ("store__name",),
            },
        ),
        migrations.AddIndex(
            model_name="erasureorder",
            index=models.Index(fields=["employee", "-ordered_at"], name="erasure_order_own"),
        ),
        migrations.AddConstraint(
            model_name="erasureorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at__lte", models.F("ordered_at")), ("starts_at__lt", models.F("ends_at"))
                ),
                name="erasure_order_of_the_past",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasureorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("applications__isnull", True), ("applications__len__gt", 0), _connector="OR"
                ),
                name="erasure_order_list_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasureorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", True), ("outcome", "")),
                    models.Q(
                        ("closed_at__isnull", False), ("outcome__in", ["completed", "incomplete"])
                    ),
                    _connector="OR",
                ),
                name="erasure_order_ends_with_an_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="deviceerasure",
            index=models.Index(
                condition=models.Q(
                    ("confirmed_at__isnull", True), ("gone_at__isnull", True), ("is_awaited", True)
                ),
                fields=["device"],
                name="erasure_device_awaited",
            ),
        ),
        migrations.AddConstraint(
            model_name="deviceerasure",
            constraint=models.UniqueConstraint(
                fields=("order", "device"), name="erasure_device_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="deviceerasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_at__isnull", True),
                    models.Q(("gone_at__isnull", True), ("is_awaited", True)),
                    _connector="OR",
                ),
                name="erasure_device_confirmed_or_gone",
            ),
        ),
        migrations.AddConstraint(
            model_name="deviceerasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("due_at__isnull", True), ("told_at__isnull", True)),
                    models.Q(("due_at__gt", models.F("told_at")), ("told_at__isnull", False)),
                    _connector="OR",
                ),
                name="erasure_device_due_after_told",
            ),
        ),
        migrations.AddIndex(
            model_name="storeerasure",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["next_attempt_at"],
                name="erasure_store_to_send",
            ),
        ),
        migrations.AddIndex(
            model_name="storeerasure",
            index=models.Index(
                condition=models.Q(("confirmed_at__isnull", True)),
                fields=["store", "due_at"],
                name="erasure_store_unconfirmed",
            ),
        ),
        migrations.AddConstraint(
            model_name="storeerasure",
            constraint=models.UniqueConstraint(
                fields=("order", "store"), name="erasure_store_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="storeerasure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("confirmation_id", ""), _negated=True),
                fields=("store", "confirmation_id"),
                name="erasure_store_message_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="storeerasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("confirmation_id", ""),
                        ("confirmed_at__isnull", True),
                        ("erased_at__isnull", True),
                        ("records__isnull", True),
                        ("used_in_training", ""),
                    ),
                    models.Q(
                        ("confirmed_at__isnull", False),
                        ("erased_at__isnull", False),
                        ("next_attempt_at__isnull", True),
                        ("used_in_training__in", ["yes", "no", "unknown"]),
                        models.Q(("confirmation_id", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="erasure_store_confirms_in_full",
            ),
        ),
    ]
