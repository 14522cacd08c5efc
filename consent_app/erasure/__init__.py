"""Erasure orders: what was collected is dropped, wherever it went, and every store says so."""
