from django.db import migrations

# Of what a device confirmed, the highest version of the ceiling of where its owner works now.
BACKFILL = """
    UPDATE devices_device device
       SET cohort = owned.jurisdiction_id,
           confirmed_ceiling = coalesce(follows.version, 0),
           ceiling_confirmed_at = follows.confirmed_at
      FROM (
           SELECT known.id, employee.jurisdiction_id
             FROM devices_device known JOIN people_employee employee ON employee.id = known.employee_id
      ) owned
      LEFT JOIN (
           SELECT DISTINCT ON (word.device_id, ceiling.jurisdiction_id)
                  word.device_id, ceiling.jurisdiction_id, ceiling.version,
                  word.received_at AS confirmed_at
             FROM devices_acknowledgement word
             JOIN devices_ceiling ceiling ON ceiling.digest = word.ceiling_digest
            ORDER BY word.device_id, ceiling.jurisdiction_id, ceiling.version DESC, word.received_at
      ) follows
        ON follows.device_id = owned.id AND follows.jurisdiction_id = owned.jurisdiction_id
     WHERE device.id = owned.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0006_rollouts"),
    ]

    operations = [
        # Nothing to undo: the columns go with the migration before.
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
