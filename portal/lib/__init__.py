"""Helpers that every room may use, one topic a module."""
