"""What the portal and every device agent must agree on, byte for byte.

Canonical JSON, signatures, the documents, the register's matcher and the decision. Everything here
is a function of its arguments: no clock, no network, no files. The portal imports this package
and no other part of the agent.
"""
