"""A version of a route changes only while it is a draft, and none but the first goes unapproved."""

from django.db import migrations, models
from django.db.models import Q

ROUTES = """
CREATE FUNCTION exemptions_keep_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'draft' THEN
            RAISE EXCEPTION 'a route that was proposed is never deleted'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.ground_id, NEW.version) IS DISTINCT FROM (OLD.ground_id, OLD.version)
        OR (OLD.state <> 'draft' AND
            (NEW.protects_while_pending, NEW.appeal_reviewer, NEW.change_note, NEW.drafted_by_id,
             NEW.drafted_at)
            IS DISTINCT FROM
            (OLD.protects_while_pending, OLD.appeal_reviewer, OLD.change_note, OLD.drafted_by_id,
             OLD.drafted_at))
    THEN
        RAISE EXCEPTION 'a route changes only while it is a draft'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT (CASE OLD.state
        WHEN 'draft' THEN NEW.state IN ('proposed', 'in_force')
        WHEN 'proposed' THEN NEW.state IN ('draft', 'in_force')
        WHEN 'in_force' THEN NEW.state = 'retired'
        ELSE false END)
    THEN
        RAISE EXCEPTION 'a route does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exemptions_keep_route BEFORE UPDATE OR DELETE ON exemptions_route
    FOR EACH ROW EXECUTE FUNCTION exemptions_keep_route();
"""

NO_ROUTES = """
DROP TRIGGER exemptions_keep_route ON exemptions_route;
DROP FUNCTION exemptions_keep_route();
"""


class Migration(migrations.Migration):
    dependencies = [("exemptions", "0002_states_and_decisions")]

    operations = [
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=Q(state__in=["draft", "proposed"])
                | Q(approved_by__isnull=False)
                | Q(version=1),
                name="route_approved_but_the_first",
            ),
        ),
        migrations.RunSQL(ROUTES, NO_ROUTES),
    ]
