"""The project's only signal: somebody's restrictions changed, in the transaction that is open.

Sent with `employees`: the people whose restrictions changed, and `everyone`: True when one on a
cohort or on everybody did; `at`: when that was decided.
"""

from django.dispatch import Signal

restrictions_changed = Signal()
