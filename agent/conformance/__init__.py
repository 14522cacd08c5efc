"""Holds any vendor's agent against docs/agent-protocol.md; README.md says how.

`contract` speaks to the agent, `portal` serves right and wrong answers made by `documents`, the
`test_*` modules are the cases. Needs pytest, cryptography and the package `consent_agent`, and
nothing of the portal.
"""
