"""Addresses of this room. A person's own orders have their pages in `portal/forget.py`."""
