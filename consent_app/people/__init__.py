"""Employees, their managers, jurisdictions and roles; the directory comes in here."""
