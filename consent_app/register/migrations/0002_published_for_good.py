"""A published version never changes: not its row, not what belongs to it, whoever asks.

Publishing is refused when an application has a kind that the version does not describe, or when
the digest is not that of the document. TRUNCATE is left to the grants: only the owner may.
"""

from django.db import migrations

PARTS = ("register_application", "register_datakind", "register_safeguard")

REFUSE = """
ALTER TABLE register_registerversion ADD CONSTRAINT register_digest_names_document
    CHECK (digest IS NULL OR digest = 'sha256:' || encode(sha256(document), 'hex'));

CREATE FUNCTION register_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'register version % is published and never changes', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.published_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM register_application application, unnest(application.kinds) AS kind
        WHERE application.version_id = NEW.id AND kind NOT IN (
            SELECT code FROM register_datakind WHERE version_id = NEW.id)
    ) THEN
        RAISE EXCEPTION 'version % does not describe a kind of one of its applications', NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER register_keep_version BEFORE UPDATE OR DELETE ON register_registerversion
    FOR EACH ROW EXECUTE FUNCTION register_keep_version();

CREATE FUNCTION register_keep_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    published timestamptz;
    part_of bigint;
BEGIN
    FOREACH part_of IN ARRAY ARRAY[
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.version_id END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.version_id END]
    LOOP
        -- The lock waits for whoever publishes that version right now.
        SELECT published_at INTO published FROM register_registerversion
            WHERE id = part_of FOR SHARE;
        IF published IS NOT NULL THEN
            RAISE EXCEPTION 'published and never changed: % on % refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""

ALLOW = """
DROP FUNCTION register_keep_part();
DROP TRIGGER register_keep_version ON register_registerversion;
DROP FUNCTION register_keep_version();
ALTER TABLE register_registerversion DROP CONSTRAINT register_digest_names_document;
"""


def trigger_on(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_keep BEFORE INSERT OR UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION register_keep_part()",
        f"DROP TRIGGER {table}_keep ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("register", "0001_initial")]

    operations = [migrations.RunSQL(REFUSE, ALLOW), *map(trigger_on, PARTS)]
