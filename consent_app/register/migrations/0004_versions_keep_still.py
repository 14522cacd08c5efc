"""Versions go their way step by step, and what was published, shown or said stays as it was.

Draft, proposed, approved, published; back to draft from the middle two. What legal reads can't be
changed under their eyes: parts change only in a draft. Only version 1, which comes with the files,
is published from a draft.
"""

from django.db import migrations

STATES = """
CREATE OR REPLACE FUNCTION register_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'register version % does not begin as a draft', NEW.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state = 'published' THEN
        RAISE EXCEPTION 'register version % is published and never changes', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'draft' THEN
            RAISE EXCEPTION 'register version % is no draft', OLD.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.state <> NEW.state
        AND (OLD.state, NEW.state) NOT IN (
            ('draft', 'proposed'), ('proposed', 'draft'), ('proposed', 'approved'),
            ('approved', 'draft'), ('approved', 'published'))
        AND NOT (NEW.number = 1 AND (OLD.state, NEW.state) = ('draft', 'published'))
    THEN
        RAISE EXCEPTION 'register version %: % is not followed by %',
            NEW.number, OLD.state, NEW.state USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> 'draft' AND NEW.state <> 'draft'
        AND (OLD.number, OLD.purpose, OLD.limits, OLD.readers, OLD.never_collected,
             OLD.notice_fields, OLD.is_immaterial, OLD.widens, OLD.summary, OLD.based_on_id,
             OLD.drafted_by_id, OLD.proposed_by_id)
        IS DISTINCT FROM
            (NEW.number, NEW.purpose, NEW.limits, NEW.readers, NEW.never_collected,
             NEW.notice_fields, NEW.is_immaterial, NEW.widens, NEW.summary, NEW.based_on_id,
             NEW.drafted_by_id, NEW.proposed_by_id)
    THEN
        RAISE EXCEPTION 'register version % is with legal and does not change', NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'published' THEN
        IF EXISTS (
            SELECT 1 FROM register_application application, unnest(application.kinds) AS kind
            WHERE application.version_id = NEW.id AND kind NOT IN (
                SELECT code FROM register_datakind WHERE version_id = NEW.id)
        ) THEN
            RAISE EXCEPTION 'version % does not describe a kind of one of its applications',
                NEW.number USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (
            SELECT 1 FROM register_registerversion
            WHERE state = 'published'
                AND (number >= NEW.number OR in_force_at > NEW.in_force_at)
        ) THEN
            RAISE EXCEPTION 'version % would be in force before an earlier one', NEW.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER register_begin_version BEFORE INSERT ON register_registerversion
    FOR EACH ROW EXECUTE FUNCTION register_keep_version();

CREATE OR REPLACE FUNCTION register_keep_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    state_of_whole text;
    part_of bigint;
BEGIN
    FOREACH part_of IN ARRAY ARRAY[
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.version_id END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.version_id END]
    LOOP
        -- The lock waits for whoever proposes or publishes that version right now.
        SELECT state INTO state_of_whole FROM register_registerversion
            WHERE id = part_of FOR SHARE;
        IF state_of_whole <> 'draft' THEN
            RAISE EXCEPTION 'no draft, so never changed: % on % refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""

NOTICES = """
CREATE FUNCTION register_keep_notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'what people were shown is kept as it was: % on % refused',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.digest <> 'sha256:' || encode(sha256(convert_to(NEW.text, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the digest of notice % is not that of its text', NEW.form
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (SELECT state FROM register_registerversion WHERE id = NEW.version_id FOR SHARE)
        = 'published'
    THEN
        RAISE EXCEPTION 'a notice can''t be added to a version that is published'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER register_notice_keep BEFORE INSERT OR UPDATE OR DELETE ON register_notice
    FOR EACH ROW EXECUTE FUNCTION register_keep_notice();

CREATE FUNCTION register_keep_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'what happened is kept as it was: % on % refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_TABLE_NAME = 'register_noticerecord' THEN
        -- On its own: the other table has no digest to look at.
        IF NEW.digest <> (SELECT digest FROM register_notice WHERE id = NEW.notice_id) THEN
            RAISE EXCEPTION 'a record names another text than its notice'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER register_noticerecord_keep BEFORE INSERT OR UPDATE OR DELETE
    ON register_noticerecord FOR EACH ROW EXECUTE FUNCTION register_keep_record();
CREATE TRIGGER register_consentrecord_keep BEFORE INSERT OR UPDATE OR DELETE
    ON register_consentrecord FOR EACH ROW EXECUTE FUNCTION register_keep_record();
"""

NO_NOTICES = """
DROP TRIGGER register_consentrecord_keep ON register_consentrecord;
DROP TRIGGER register_noticerecord_keep ON register_noticerecord;
DROP FUNCTION register_keep_record();
DROP TRIGGER register_notice_keep ON register_notice;
DROP FUNCTION register_keep_notice();
"""


class Migration(migrations.Migration):
    dependencies = [("register", "0003_drafts_and_notices")]

    operations = [
        # There is no way back from states: migration 0003 drops them with their columns.
        migrations.RunSQL(
            STATES, "DROP TRIGGER register_begin_version ON register_registerversion"
        ),
        migrations.RunSQL(NOTICES, NO_NOTICES),
    ]
