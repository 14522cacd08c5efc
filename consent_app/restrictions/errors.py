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


class QuietTimesTooMany(Refusal):
    code = "quiet_times_too_many"
    message = "There are three quiet times already. End one first."


class QuietTimesTooClose(Refusal):
    code = "quiet_times_too_close"
    message = "At least 30 minutes lie between two quiet times."


class QuietTimeUnclear(Refusal):
    code = "quiet_time_unclear"
    message = "A quiet time is 1 to 30 minutes long, on at least one day of the week."


class ApplicationUnknown(Refusal):
    code = "application_unknown"
    message = "The register does not list this application."


class StopForbidden(Refusal):
    code = "stop_forbidden"
    message = "Only the programme owner and legal can do this."


class StopReasonMissing(Refusal):
    code = "reason_missing"
    message = "Say why. Everybody reads it."


class StoppedAlready(Refusal):
    code = "stopped_already"
    message = "This is stopped already."


class NothingToStart(Refusal):
    code = "nothing_to_start"
    message = "This began again already."


class RestartNotAsked(Refusal):
    code = "restart_not_asked"
    message = "Nobody asks for this to begin again."


class RestartNeedsSecondPerson(Refusal):
    code = "second_person_needed"
    message = "You asked for it. Somebody else decides."
