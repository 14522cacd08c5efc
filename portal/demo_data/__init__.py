"""Who works in the demo. Everybody is invented; example.com belongs to nobody (RFC 2606)."""

from pathlib import Path
from typing import NamedTuple

DIRECTORY = Path(__file__).with_name("directory.csv")
REQUESTS = Path(__file__).with_name("requests.toml")

# Known to everybody who reads this: the demo answers on this machine only (portal.E001).
PASSWORD = "demo-words-for-anyone"  # noqa: S105 (public, for the demo)


class Part(NamedTuple):
    """Somebody whom a visitor can be, in the order in which the story meets them."""

    email: str
    name: str
    role: str
    story: str


CAST = (
    Part(
        "mira.okafor@example.com",
        "Mira Okafor",
        "employee",
        "Works in California; her laptop LAPTOP-1 is collecting until she says otherwise.",
    ),
    Part(
        "jonas.lindqvist@example.com",
        "Jonas Lindqvist",
        "her manager",
        "Decides on ordinary requests of his team, and never learns who paused.",
    ),
    Part(
        "dana.ortiz@example.com",
        "Dana Ortiz",
        "HR reviewer",
        "Answers requests about health, belief and safety, within a deadline. Works in New York: "
        "there nothing is collected from her before she acknowledges the notice.",
    ),
    Part(
        "priya.raman@example.com",
        "Priya Raman",
        "legal reviewer",
        "Answers what is privileged or protected by law, and approves each register.",
    ),
    Part(
        "tomas.herrera@example.com",
        "Tomás Herrera",
        "programme owner",
        "Says what is collected and what never is, and can stop all of it.",
    ),
    Part(
        "katrin.vogel@example.com",
        "Katrin Vogel",
        "auditor",
        "Protects data: reads what was decided, and checks that nothing was altered.",
    ),
    Part(
        "camille.tremblay@example.com",
        "Camille Tremblay",
        "employee in Quebec",
        "Works in Quebec, where the law leaves it to her: she says yes or no, and no is the rule.",
    ),
    Part(
        "samuel.adeyemi@example.com",
        "Samuel Adeyemi",
        "IT administrator",
        "Enrols devices, removes lost ones and sees which have fallen silent.",
    ),
)

# Whose device runs in the demo, and who looks after all devices.
EMPLOYEE = CAST[0]
ADMINISTRATOR = CAST[-1]
HOSTNAME = "LAPTOP-1"
# What keeps recordings there.
STORE = "Recordings archive"
