"""The refusals of this room."""

from portal.lib.refusals import Refusal


class CopyInTheMaking(Refusal):
    code = "copy_in_the_making"
    message = "A copy is being made already. You get a message when it is ready."


class AskedToday(Refusal):
    code = "copy_asked_today"
    message = "You asked for a copy less than a day ago. Ask again a day after that."
