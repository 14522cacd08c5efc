"""No version goes without safeguards of password fields, nor without one that was published before.

Whether a safeguard is such a one, its class says. What is compared is what it does, not how it is
explained.
"""

from django.db import migrations

KEEP = """
CREATE FUNCTION register_keep_passwords() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'published' OR OLD.state = 'published' THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM register_safeguard
        WHERE version_id = NEW.id AND protects = 'password_field'
    ) OR EXISTS (
        SELECT 1 FROM register_safeguard before
        WHERE before.protects = 'password_field'
            AND before.version_id = (
                SELECT id FROM register_registerversion
                WHERE state = 'published' ORDER BY number DESC LIMIT 1)
            AND NOT EXISTS (
                SELECT 1 FROM register_safeguard after
                WHERE after.version_id = NEW.id
                    AND (after.safeguard_id, after.protects, after.detector, after.pattern,
                         after.validator, after.action)
                      = (before.safeguard_id, before.protects, before.detector, before.pattern,
                         before.validator, before.action))
    ) THEN
        RAISE EXCEPTION 'version % lacks a safeguard of password fields', NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER register_keep_passwords BEFORE UPDATE ON register_registerversion
    FOR EACH ROW EXECUTE FUNCTION register_keep_passwords();
"""

LET_GO = """
DROP TRIGGER register_keep_passwords ON register_registerversion;
DROP FUNCTION register_keep_passwords();
"""


class Migration(migrations.Migration):
    dependencies = [("register", "0004_versions_keep_still")]

    operations = [migrations.RunSQL(KEEP, LET_GO)]
