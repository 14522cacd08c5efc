"""What the poll reads and writes, each by one indexed statement, without blocking the event loop.

Plain SQL, because Django's ORM would take a thread for each. `knowledge` remembers what was read.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from consent_agent.protocol import merkle
from consent_app.audit.queries import TreeHead
from consent_app.devices.policy import RestrictionFact
from consent_app.devices.told import ForMany, Known, SignedCeiling

DEVICE = """
    SELECT d.id, d.revoked_at, d.last_seen_at, e.is_active, j.code AS jurisdiction,
           p.version, p.jws, p.digest, p.requested_at, p.delivered_at
      FROM devices_device d
      JOIN people_employee e ON e.id = d.employee_id
      JOIN people_jurisdiction j ON j.code = e.jurisdiction_id
      JOIN devices_devicepolicy p ON p.device_id = d.id AND p.version = d.policy_version
     WHERE d.token_hash = %s
"""
CEILING = """
    SELECT version, jws, digest, needs_policies_since,
           (SELECT min(later.in_force_at) FROM devices_ceiling later
             WHERE later.jurisdiction_id = ceiling.jurisdiction_id
               AND later.version > ceiling.version) AS next_at
      FROM devices_ceiling ceiling
     WHERE jurisdiction_id = %s AND in_force_at <= %s ORDER BY version DESC LIMIT 1
"""
FOR_MANY = """
    SELECT id, cohort_id, source, starts_at, ends_at, applications, kinds
      FROM restrictions_restriction
     WHERE employee_id IS NULL AND (ends_at IS NULL OR ends_at > now())
"""
DELIVERED = """
    UPDATE devices_devicepolicy SET delivered_at = %s
     WHERE device_id = %s AND version = %s AND delivered_at IS NULL
"""
SEEN = "UPDATE devices_device SET last_seen_at = %s WHERE id = %s"
TREE_SIZE = "SELECT coalesce(max(index) + 1, 0) AS size FROM audit_leaf"
TREE_NODES = """
    SELECT 0 AS level, index, leaf_hash AS hash FROM audit_leaf WHERE index = ANY(%s)
    UNION ALL
    SELECT n.level, n.index, n.hash FROM audit_node n
      JOIN unnest(%s::int[], %s::bigint[]) AS wanted(level, index)
        ON n.level = wanted.level AND n.index = wanted.index
"""


class PollRows:
    """The poll's statements, on a pool of connections of its own."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def device(self, token_hash: bytes) -> Known | None:
        rows = await self._rows(DEVICE, token_hash)
        if not rows:
            return None
        row = rows[0]
        return Known(
            device=str(row["id"]),
            jurisdiction=row["jurisdiction"],
            version=row["version"],
            jws=row["jws"],
            digest=row["digest"],
            requested_at=row["requested_at"],
            revoked=row["revoked_at"] is not None or not row["is_active"],
            is_delivered=row["delivered_at"] is not None,
            last_seen_at=row["last_seen_at"],
        )

    async def ceiling(self, jurisdiction: str) -> SignedCeiling | None:
        rows = await self._rows(CEILING, jurisdiction, datetime.now(UTC))
        return SignedCeiling(**rows[0]) if rows else None

    async def for_many(self, jurisdiction: str) -> ForMany:
        rows = await self._rows(FOR_MANY)
        return ForMany.of(
            tuple(_fact(row) for row in rows if row["cohort_id"] in (None, jurisdiction))
        )

    async def tree_head(self) -> TreeHead:
        """Read the tree head as `audit.queries.tree_head` does."""
        size: int = (await self._rows(TREE_SIZE))[0]["size"]
        peaks = merkle.peaks(size)
        nodes = await self._rows(
            TREE_NODES,
            [index for level, index in peaks if level == 0],
            [level for level, _ in peaks],
            [index for _, index in peaks],
        )
        hashes = {(row["level"], row["index"]): bytes(row["hash"]) for row in nodes}
        return TreeHead(size, merkle.root(size, lambda level, index: hashes[level, index]))

    async def write(
        self, *, delivered: Mapping[tuple[str, int], datetime], seen: Mapping[str, datetime]
    ) -> None:
        """Write when policies (device, version) were delivered and when devices were seen."""
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            rows = [(at, device, version) for (device, version), at in delivered.items()]
            await cursor.executemany(DELIVERED, rows)
            await cursor.executemany(SEEN, [(at, device) for device, at in sorted(seen.items())])

    async def _rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()


def _fact(row: Mapping[str, Any]) -> RestrictionFact:
    return RestrictionFact(
        id=row["id"],
        source=row["source"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        applications=_names(row["applications"]),
        kinds=_names(row["kinds"]),
    )


def _names(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
