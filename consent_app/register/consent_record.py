"""Writes a free choice as a consent record. Pure: the same facts give the same record.

The members and their names follow ISO/IEC TS 27560:2023; what they mean is said in terms of the
W3C community's Data Privacy Vocabulary (DPV) by `@context`, which names terms and fetches nothing.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consent_app.register.models import ConsentChoice, DataKind, Notice
from consent_app.register.notice_fields import read_fields

SCHEMA_VERSION: Final = "ISO/IEC TS 27560:2023"
CONTEXT: Final[Mapping[str, object]] = {
    "dpv": "https://w3id.org/dpv#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "schema_version": "dct:conformsTo",
    "record_id": "dct:identifier",
    "pii_principal_id": "dpv:hasDataSubject",
    "pii_controllers": "dpv:hasDataController",
    "jurisdiction": "dpv:hasJurisdiction",
    "privacy_notice": "dpv:hasNotice",
    "digest": "dpv:hasIdentifier",
    "pii_type": "dpv:hasIdentifier",
    "party_identification": "dpv:hasEntity",
    "party_id": "dct:identifier",
    "party_role": {"@id": "dct:type", "@type": "@vocab"},
    "party_name": "dpv:hasName",
    "party_contact": "dpv:hasContact",
    "authority_party": "dpv:hasAuthority",
    "version": "dct:hasVersion",
    "language": "dct:language",
    "purposes": "dpv:hasPurpose",
    "description": "dct:description",
    "title": "dct:title",
    "lawful_basis": {"@id": "dpv:hasLegalBasis", "@type": "@vocab"},
    "pii_information": "dpv:hasPersonalData",
    "collection_method": {"@id": "dpv:hasDataSource", "@type": "@vocab"},
    "processing_method": {"@id": "dpv:hasProcessing", "@type": "@vocab"},
    "recipient_third_parties": "dpv:hasRecipient",
    "storage_locations": "dpv:hasLocation",
    "retention_period": "dpv:hasDuration",
    "privacy_rights": "dpv:hasRight",
    "withdrawal_method": "dpv:hasWithdrawalMethod",
    "event": "dct:hasPart",
    "event_state": {"@id": "dpv:hasConsentStatus", "@type": "@vocab"},
    "event_type": {"@id": "dct:type", "@type": "@vocab"},
    "event_time": {"@id": "dct:date", "@type": "xsd:dateTime"},
    "entity_id": "dpv:isIndicatedBy",
    "validity_duration": "dct:valid",
}
STATUS: Final[Mapping[str, str]] = {
    ConsentChoice.GIVEN: "dpv:ConsentGiven",
    ConsentChoice.REFUSED: "dpv:ConsentRefused",
    ConsentChoice.WITHDRAWN: "dpv:ConsentWithdrawn",
}
VALIDITY: Final[Mapping[str, str]] = {
    ConsentChoice.GIVEN: "until it is withdrawn, or a new version of the notice asks again",
    ConsentChoice.REFUSED: "until another choice is made",
    ConsentChoice.WITHDRAWN: "until another choice is made",
}
# Names by which a purpose points at a party of the record.
CONTROLLER, OFFICER, AUTHORITY, RECIPIENT = (
    "controller", "protection-officer", "authority", "recipient",
)  # fmt: skip
WITHDRAWAL: Final = "The page on which it was given, in one step, at any time and without a reason."


@dataclass(frozen=True, slots=True)
class ChoiceFacts:
    """All that the record of one choice says; `jurisdiction` is a code such as CA-QC."""

    record_id: uuid.UUID
    principal: uuid.UUID
    choice: ConsentChoice
    at: datetime
    jurisdiction: str
    notice: Notice
    kinds: tuple[DataKind, ...]


def consent_record(facts: ChoiceFacts) -> dict[str, object]:
    """Return the record as it is stored and handed out. People are in it as pseudonyms alone."""
    notice = facts.notice
    return {
        "@context": dict(CONTEXT),
        "@type": "dpv:ConsentRecord",
        "schema_version": SCHEMA_VERSION,
        "record_id": str(facts.record_id),
        "pii_principal_id": str(facts.principal),
        "jurisdiction": facts.jurisdiction,
        "privacy_notice": {
            "title": notice.get_form_display(),
            "digest": notice.digest,
            "version": notice.version.number,
            "language": notice.language,
        },
        "purposes": [_purpose(facts)],
        "party_identification": _parties(facts),
        "event": [
            {
                "event_time": _time(facts.at),
                "event_state": STATUS[facts.choice],
                "event_type": "dpv:ExplicitlyExpressedConsent",
                "entity_id": str(facts.principal),
                "validity_duration": VALIDITY[facts.choice],
            }
        ],
    }


def _purpose(facts: ChoiceFacts) -> dict[str, object]:
    version = facts.notice.version
    fields = read_fields(version.notice_fields)
    return {
        "description": version.purpose,
        "lawful_basis": "dpv:Consent",
        "pii_controllers": [CONTROLLER],
        "pii_information": [
            {
                "pii_type": kind.code,
                "title": kind.name,
                "description": kind.explanation,
                "retention_period": f"P{kind.retention_days}D",
            }
            for kind in facts.kinds
        ],
        "collection_method": "dpv:DataSubject",
        "processing_method": ["dpv:Collect", "dpv:Store", "dpv:Use"],
        "recipient_third_parties": [
            f"{RECIPIENT}-{place}" for place in range(1, len(version.readers) + 1)
        ],
        "storage_locations": fields.transfers,
        "privacy_rights": fields.rights,
        "withdrawal_method": WITHDRAWAL,
        "authority_party": AUTHORITY,
    }


def _parties(facts: ChoiceFacts) -> list[dict[str, object]]:
    """Say who is meant by each name that the purpose gives."""
    version = facts.notice.version
    fields = read_fields(version.notice_fields)
    return [
        {
            "party_id": CONTROLLER,
            "party_role": "dpv:DataController",
            "party_name": fields.controller,
            "party_contact": fields.contact,
        },
        {
            "party_id": OFFICER,
            "party_role": "dpv:DataProtectionOfficer",
            "party_name": fields.protection_officer,
        },
        {
            "party_id": AUTHORITY,
            "party_role": "dpv:DataProtectionAuthority",
            "party_name": fields.complaint,
        },
        *(
            {
                "party_id": f"{RECIPIENT}-{place}",
                "party_role": "dpv:Recipient",
                "party_name": reader["who"],
                "description": reader["why"],
            }
            for place, reader in enumerate(version.readers, start=1)
        ),
    ]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
