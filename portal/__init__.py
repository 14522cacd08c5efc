"""Wiring: settings, urls, servers, the demo, shared helpers."""
