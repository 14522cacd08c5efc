"""What the poll reads and writes, each by one indexed statement, without blocking the event loop.

Plain SQL, because Django's ORM would take a thread for each. `knowledge` remembers what was read.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from sys import intern
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from consent_agent.protocol import merkle
from consent_app.audit.queries import TreeHead
from consent_app.devices.policy import RestrictionFact
from consent_app.devices.told import Cohort, ForMany, Known, SignedCeiling

DEVICES = """
    SELECT d.token_hash, d.id, d.revoked_at, d.last_seen_at, e.is_active,
           CASE WHEN d.two_clients_at IS NULL THEN d.agent_run END AS agent_run,
           e.jurisdiction_id AS jurisdiction,
           p.version, p.jws, p.digest, p.requested_at, p.delivered_at
      FROM devices_device d
      JOIN people_employee e ON e.id = d.employee_id
      JOIN devices_devicepolicy p ON p.device_id = d.id AND p.version = d.policy_version
     WHERE d.token_hash = ANY(%s)
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
    SELECT id, cohort_id, source, decided_at, starts_at, ends_at, applications, kinds
      FROM restrictions_restriction
     WHERE employee_id IS NULL AND (ends_at IS NULL OR ends_at > now() - interval '1 hour')
"""
DELIVERED = """
    UPDATE devices_devicepolicy p SET delivered_at = noted.at
      FROM unnest(%s::timestamptz[], %s::uuid[], %s::bigint[]) AS noted(at, device, version)
     WHERE p.device_id = noted.device AND p.version = noted.version AND p.delivered_at IS NULL
"""
# Whoever is being decided about is left out: else this would wait for the decision with other
# devices locked, and a decision about many for those.
SEEN = """
    WITH free AS (
        SELECT d.id, noted.at FROM devices_device d
          JOIN unnest(%s::float8[], %s::uuid[]) AS noted(at, device) ON d.id = noted.device
           FOR NO KEY UPDATE OF d SKIP LOCKED
    )
    UPDATE devices_device d SET last_seen_at = to_timestamp(free.at) FROM free WHERE d.id = free.id
    RETURNING d.id::text
"""
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

    async def devices(self, token_hashes: list[bytes]) -> dict[bytes, tuple[Known, str]]:
        """Read devices with their signed policies, by the hash of their token."""
        rows = await self._rows(DEVICES, token_hashes)
        return {bytes(row["token_hash"]): (_known(row), row["jws"]) for row in rows}

    async def cohorts(self, jurisdictions: list[str]) -> dict[str, Cohort]:
        """Read what all devices of each cohort are told alike."""
        for_many = await self._rows(FOR_MANY)
        return {
            jurisdiction: Cohort.of(
                await self._ceiling(jurisdiction), _for_many(for_many, jurisdiction)
            )
            for jurisdiction in jurisdictions
        }

    async def _ceiling(self, jurisdiction: str) -> SignedCeiling | None:
        rows = await self._rows(CEILING, jurisdiction, datetime.now(UTC))
        return SignedCeiling(**rows[0]) if rows else None

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
        self, *, delivered: Mapping[tuple[str, int], datetime], seen: Mapping[str, float]
    ) -> set[str]:
        """Write when policies (device, version) were delivered and when (UNIX time) devices polled.

        Return the devices whose poll was not written, since they are being decided about.

        Thousands poll in a second, so what was seen goes as PostgreSQL writes an array: to adapt
        each value costs more than the rest of a poll's Python.
        """
        async with self._pool.connection() as connection:
            if delivered:
                devices, versions = zip(*delivered, strict=True)
                rows = [list(delivered.values()), list(devices), list(versions)]
                await connection.execute(DELIVERED, rows)
            if not seen:
                return set()
            times = ",".join(map(str, seen.values()))
            written = await connection.execute(SEEN, [f"{{{times}}}", f"{{{','.join(seen)}}}"])
            if written.rowcount == len(seen):
                return set()
            return seen.keys() - {device for (device,) in await written.fetchall()}

    async def _rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()


def _for_many(rows: list[dict[str, Any]], jurisdiction: str) -> ForMany:
    rows = [row for row in rows if row["cohort_id"] in (None, jurisdiction)]
    now = datetime.now(UTC)
    moments = [row[name] for row in rows for name in ("decided_at", "starts_at", "ends_at")]
    return ForMany.of(
        tuple(_fact(row) for row in rows if row["ends_at"] is None or row["ends_at"] > now),
        since=max((moment for moment in moments if moment and moment <= now), default=None),
    )


def _known(row: Mapping[str, Any]) -> Known:
    seen_at = row["last_seen_at"]
    return Known(
        device=str(row["id"]),
        jurisdiction=intern(row["jurisdiction"]),
        version=row["version"],
        digest=row["digest"],
        requested_at=row["requested_at"],
        revoked=row["revoked_at"] is not None or not row["is_active"],
        is_delivered=row["delivered_at"] is not None,
        seen_at=seen_at.timestamp() if seen_at else 0.0,
        agent_run=row["agent_run"],
    )


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
