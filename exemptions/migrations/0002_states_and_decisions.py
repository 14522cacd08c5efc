"""What must never be false of requests, whoever writes: states, decisions, what was written.

The table of states is `exemptions.rules.TRANSITIONS`; a test compares the two.
"""

from django.db import migrations

STATES = """
CREATE FUNCTION exemptions_check_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a request begins as a draft, not as %', NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.is_sensitive <> (SELECT is_sensitive FROM exemptions_ground
                                WHERE slug = NEW.ground_id) THEN
            RAISE EXCEPTION 'its grounds say how confidential a request is'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.requester_id, NEW.ground_id, NEW.is_sensitive)
        <> (OLD.requester_id, OLD.ground_id, OLD.is_sensitive) THEN
        RAISE EXCEPTION 'whose request it is, on what grounds and how confidential never changes'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'draft' AND (
        NEW.route_id, NEW.applications, NEW.kinds, NEW.starts_on, NEW.ends_on, NEW.review_on,
        NEW.created_at, NEW.submitted_at, NEW.renews_id
    ) IS DISTINCT FROM (
        OLD.route_id, OLD.applications, OLD.kinds, OLD.starts_on, OLD.ends_on, OLD.review_on,
        OLD.created_at, OLD.submitted_at, OLD.renews_id
    ) THEN
        RAISE EXCEPTION 'what was asked for, when and on which route never changes once sent'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT (CASE OLD.state
        WHEN 'draft' THEN NEW.state = 'in_review'
        WHEN 'in_review' THEN NEW.state IN
            ('information_requested', 'approved', 'partly_approved', 'declined', 'withdrawn')
        WHEN 'information_requested' THEN NEW.state IN
            ('in_review', 'appealed', 'approved', 'partly_approved', 'declined', 'upheld',
             'overturned', 'withdrawn')
        WHEN 'approved' THEN NEW.state = 'revoked'
        WHEN 'partly_approved' THEN NEW.state IN ('appealed', 'revoked')
        WHEN 'declined' THEN NEW.state = 'appealed'
        WHEN 'appealed' THEN NEW.state IN ('information_requested', 'upheld', 'overturned')
        WHEN 'upheld' THEN NEW.state = 'revoked'
        WHEN 'overturned' THEN NEW.state = 'revoked'
        ELSE false END)
    THEN
        RAISE EXCEPTION 'a request does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state
        AND NEW.state IN ('approved', 'partly_approved', 'overturned', 'declined', 'upheld')
        AND NOT EXISTS (SELECT 1 FROM exemptions_decision
                        WHERE request_id = NEW.id
                        AND (verdict = 'decline') = (NEW.state IN ('declined', 'upheld')))
    THEN
        RAISE EXCEPTION 'nobody has decided so' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exemptions_check_state BEFORE INSERT OR UPDATE ON exemptions_exemptionrequest
    FOR EACH ROW EXECUTE FUNCTION exemptions_check_state();

CREATE FUNCTION exemptions_keep_submitted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'draft' THEN
        RAISE EXCEPTION 'a request that was sent is never deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER exemptions_keep_submitted BEFORE DELETE ON exemptions_exemptionrequest
    FOR EACH ROW EXECUTE FUNCTION exemptions_keep_submitted();
"""

NO_STATES = """
DROP TRIGGER exemptions_keep_submitted ON exemptions_exemptionrequest;
DROP FUNCTION exemptions_keep_submitted();
DROP TRIGGER exemptions_check_state ON exemptions_exemptionrequest;
DROP FUNCTION exemptions_check_state();
"""

DECISIONS = """
CREATE FUNCTION exemptions_check_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked exemptions_exemptionrequest%ROWTYPE;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'a decision never changes'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT * INTO asked FROM exemptions_exemptionrequest WHERE id = NEW.request_id;
    IF asked.requester_id IN (NEW.by_id, NEW.on_behalf_of_id) THEN
        RAISE EXCEPTION 'nobody decides on their own request'
            USING ERRCODE = 'check_violation';
    END IF;
    IF asked.is_sensitive AND EXISTS (
        SELECT 1 FROM people_employee
        WHERE id = asked.requester_id AND line_manager_id = NEW.by_id) THEN
        RAISE EXCEPTION 'the line manager does not decide on a confidential request'
            USING ERRCODE = 'check_violation';
    END IF;
    -- Without lists all are meant; without a last day it has none.
    IF NEW.verdict <> 'decline' AND NOT (
        (asked.applications IS NULL OR coalesce(NEW.applications <@ asked.applications, false))
        AND (asked.kinds IS NULL OR coalesce(NEW.kinds <@ asked.kinds, false))
        AND NEW.starts_on >= asked.starts_on
        AND (asked.ends_on IS NULL OR coalesce(NEW.ends_on <= asked.ends_on, false))) THEN
        RAISE EXCEPTION 'a decision lets nothing stand that was not asked for'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM exemptions_reviewstep
                   WHERE id = NEW.step_id AND request_id = NEW.request_id
                   AND closed_at IS NULL) THEN
        RAISE EXCEPTION 'a decision is about an open step of its request'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exemptions_check_decision BEFORE INSERT OR UPDATE OR DELETE ON exemptions_decision
    FOR EACH ROW EXECUTE FUNCTION exemptions_check_decision();
"""

NO_DECISIONS = """
DROP TRIGGER exemptions_check_decision ON exemptions_decision;
DROP FUNCTION exemptions_check_decision();
"""

WRITTEN = """
CREATE FUNCTION exemptions_keep_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM exemptions_exemptionrequest
               WHERE id = OLD.request_id AND state <> 'draft') THEN
        RAISE EXCEPTION 'what was sent never changes: % on %', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER exemptions_keep_message BEFORE UPDATE OR DELETE ON exemptions_message
    FOR EACH ROW EXECUTE FUNCTION exemptions_keep_written();
CREATE TRIGGER exemptions_keep_attachment BEFORE UPDATE OR DELETE ON exemptions_attachment
    FOR EACH ROW EXECUTE FUNCTION exemptions_keep_written();
"""

NO_WRITTEN = """
DROP TRIGGER exemptions_keep_attachment ON exemptions_attachment;
DROP TRIGGER exemptions_keep_message ON exemptions_message;
DROP FUNCTION exemptions_keep_written();
"""

ROUTES = """
CREATE FUNCTION exemptions_check_route_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    part_of uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.route_id ELSE NEW.route_id END;
BEGIN
    IF EXISTS (SELECT 1 FROM exemptions_route WHERE id = part_of AND state <> 'draft') THEN
        RAISE EXCEPTION 'a route changes only while it is a draft'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP <> 'DELETE' AND 'manager' IN (NEW.reviewer, NEW.fallback) AND EXISTS (
        SELECT 1 FROM exemptions_route route JOIN exemptions_ground ground
            ON ground.slug = route.ground_id
        WHERE route.id = NEW.route_id AND ground.is_sensitive) THEN
        RAISE EXCEPTION 'the line manager has no step on confidential grounds'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER exemptions_check_route_step BEFORE INSERT OR UPDATE OR DELETE ON exemptions_routestep
    FOR EACH ROW EXECUTE FUNCTION exemptions_check_route_step();

CREATE FUNCTION exemptions_keep_ground() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_sensitive <> OLD.is_sensitive THEN
        RAISE EXCEPTION 'how confidential grounds are never changes'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exemptions_keep_ground BEFORE UPDATE ON exemptions_ground
    FOR EACH ROW EXECUTE FUNCTION exemptions_keep_ground();
"""

NO_ROUTES = """
DROP TRIGGER exemptions_keep_ground ON exemptions_ground;
DROP FUNCTION exemptions_keep_ground();
DROP TRIGGER exemptions_check_route_step ON exemptions_routestep;
DROP FUNCTION exemptions_check_route_step();
"""


class Migration(migrations.Migration):
    dependencies = [("exemptions", "0001_initial")]

    operations = [
        migrations.RunSQL(STATES, NO_STATES),
        migrations.RunSQL(DECISIONS, NO_DECISIONS),
        migrations.RunSQL(WRITTEN, NO_WRITTEN),
        migrations.RunSQL(ROUTES, NO_ROUTES),
    ]
