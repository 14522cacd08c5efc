"""The two refusals of the protocol.

Codes are stable: agents report them, the portal counts them, and the conformance suite expects
them. Callers decide what a refusal means; for the agent it always means not collecting.
"""


class DocumentRefused(Exception):
    """A signed document, or JSON on its way to one, breaks a rule of the protocol.

    `code` names the rule; `detail` says where (a field, a key id) and is for people only.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class RegisterRefused(DocumentRefused):
    """A register document that could not be applied in full, and so must not be applied at all."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_register", detail)
