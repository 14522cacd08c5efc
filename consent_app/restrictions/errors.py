"""The refusals of this room."""

from portal.lib.refusals import Refusal


class PauseLengthOutOfRange(Refusal):
    code = "out_of_range"
    message = "A pause is 1 to 30 minutes long."


class PauseOverlaps(Refusal):
    code = "pause_overlaps"
    message = "Collection is already paused."


class PauseNotLonger(Refusal):
    code = "pause_not_longer"
    message = "The pause already lasts that long."


class NoPauseToResume(Refusal):
    code = "no_pause"
    message = "There is no pause to end."


class PauseCoversEveryDevice(Refusal):
    code = "pause_covers_every_device"
    message = "This pause covers all your devices. End it in the portal."


class RequestKeyReused(Refusal):
    code = "idempotency_key_reused"
    message = "This key was used for another request."
