"""`make bench`: how fast one server process on one core answers; see docs/performance.md."""
