"""What is held about somebody's devices, what each was told, and what each said it did."""

from consent_app.devices.models import (
    Acknowledgement,
    AgentRun,
    Device,
    DevicePolicy,
    EnrolmentCode,
)
from consent_app.people.models import Employee
from portal.lib.sections import Section, table_of


def section(person: Employee) -> Section:
    policies = DevicePolicy.objects.filter(device__employee=person).order_by("device", "version")
    confirmed = Acknowledgement.objects.filter(device__employee=person)
    return Section(
        name="devices",
        title="Your devices",
        explanation=(
            "Computers that you added, every policy that each was told, and what each confirmed. "
            "The data file has policies and confirmations as they were signed."
        ),
        tables=[
            table_of(
                "devices", "Devices", Device.objects.filter(employee=person),
                "hostname", "platform", "agent_version", "enrolled_at", "revoked_at",
                "accepted_at",
                "last_seen_at", "two_clients_at", "policy_version", "id", "public_key",
                only_data=["id", "public_key"],
            ),
            table_of(
                "policies", "What they were told", policies,
                "version", "state", "requested_at", "signed_at", "delivered_at", "digest", "jws",
                device="device__hostname", only_data=["digest", "jws"],
            ),
            table_of(
                "confirmations", "What they confirmed", confirmed.order_by("device", "sequence"),
                "effect", "applied_at", "received_at", "sequence", "ceiling_digest", "jws",
                device="device__hostname", policy="policy__version",
                only_data=["ceiling_digest", "jws"],
            ),
            table_of(
                "starts", "Starts of the program on each device, the last of them",
                AgentRun.objects.filter(device__employee=person).order_by("device", "pk"),
                "began_at", "returns", "name",
                device="device__hostname", only_data=["returns", "name"],
            ),
            table_of(
                "codes", "Codes for adding a device",
                EnrolmentCode.objects.filter(employee=person).order_by("issued_at"),
                "issued_at", "expires_at", "used_at",
            ),
        ],
    )  # fmt: skip
