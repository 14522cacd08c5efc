"""Enrolment, policy compile and signing, the agent API, acknowledgements."""
