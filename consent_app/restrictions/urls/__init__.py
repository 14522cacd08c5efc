"""Addresses of this room. What people prefer has its page in `portal/preferences.py`."""
