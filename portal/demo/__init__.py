"""The demo: everything on this machine, for one visitor. `python -m portal.demo` runs it."""
