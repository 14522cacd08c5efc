"""Orders end with the last word about them, and what was ordered or confirmed stays as it was.

An order is completed only when every device that was awaited and every store has confirmed, and
ends otherwise only when no word can come any more. Whoever confirms locks the order's owner first,
so that no two of them look at the same time.
"""

from django.db import migrations

ORDERS = """
CREATE FUNCTION erasure_keep_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.closed_at IS NOT NULL THEN
            RAISE EXCEPTION 'erasure order % does not begin as closed', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'erasure order % is kept as it is: % refused', OLD.id, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (OLD.id, OLD.employee_id, OLD.starts_at, OLD.ends_at, OLD.applications, OLD.ordered_at)
        IS DISTINCT FROM
       (NEW.id, NEW.employee_id, NEW.starts_at, NEW.ends_at, NEW.applications, NEW.ordered_at)
    THEN
        RAISE EXCEPTION 'what erasure order % asks for does not change', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.closed_at IS NOT NULL AND (
        EXISTS (SELECT 1 FROM erasure_storeerasure
            WHERE order_id = NEW.id AND confirmed_at IS NULL)
        OR EXISTS (SELECT 1 FROM erasure_deviceerasure
            WHERE order_id = NEW.id AND is_awaited AND confirmed_at IS NULL
                AND (gone_at IS NULL OR NEW.outcome = 'completed'))
    ) THEN
        RAISE EXCEPTION 'not everybody has confirmed erasure order %', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasure_order_keep BEFORE INSERT OR UPDATE OR DELETE ON erasure_erasureorder
    FOR EACH ROW EXECUTE FUNCTION erasure_keep_order();
"""

NO_ORDERS = """
DROP TRIGGER erasure_order_keep ON erasure_erasureorder;
DROP FUNCTION erasure_keep_order();
"""

WORDS = """
CREATE FUNCTION erasure_keep_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'what was ordered is kept: % on % refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF (SELECT closed_at FROM erasure_erasureorder WHERE id = NEW.order_id FOR KEY SHARE)
            IS NOT NULL
        THEN
            RAISE EXCEPTION 'erasure order % is closed', NEW.order_id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.order_id <> NEW.order_id OR (OLD.confirmed_at IS NOT NULL AND OLD IS DISTINCT FROM NEW)
    THEN
        RAISE EXCEPTION 'what was confirmed stays as it was: % on % refused',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasure_device_keep BEFORE INSERT OR UPDATE OR DELETE ON erasure_deviceerasure
    FOR EACH ROW EXECUTE FUNCTION erasure_keep_word();
CREATE TRIGGER erasure_store_keep BEFORE INSERT OR UPDATE OR DELETE ON erasure_storeerasure
    FOR EACH ROW EXECUTE FUNCTION erasure_keep_word();
"""

NO_WORDS = """
DROP TRIGGER erasure_store_keep ON erasure_storeerasure;
DROP TRIGGER erasure_device_keep ON erasure_deviceerasure;
DROP FUNCTION erasure_keep_word();
"""


class Migration(migrations.Migration):
    dependencies = [("erasure", "0001_initial")]

    operations = [
        migrations.RunSQL(ORDERS, NO_ORDERS),
        migrations.RunSQL(WORDS, NO_WORDS),
    ]
