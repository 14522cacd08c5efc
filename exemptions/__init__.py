"""Requests, routes, decisions and appeals: they write Restrictions."""
