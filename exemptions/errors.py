"""The refusals of this room."""

from portal.lib.refusals import Refusal


class FileRefused(Refusal):
    """Of what somebody attaches; each kind of it says what to do instead."""

    code = "file_refused"
    message = "This file can't be attached."


class FileEmpty(FileRefused):
    code = "file_empty"
    message = "This file is empty. Look at it on your computer, then attach it again."


class FileTooLarge(FileRefused):
    code = "file_too_large"
    message = "This file is larger than 10 MB. Attach a smaller one, or a part of it."


class FileKindRefused(FileRefused):
    code = "file_kind_refused"
    message = (
        "Only PDF, PNG, JPEG and plain text (UTF-8) can be attached. Save this file as one of them."
    )


class FileUnreadable(FileRefused):
    code = "file_unreadable"
    message = "This file is damaged or not complete. Open and save it once more, then attach it."


class PictureTooLarge(FileRefused):
    code = "picture_too_large"
    message = "This picture has too many pixels. Make it smaller, then attach it again."


class TooManyFiles(FileRefused):
    code = "too_many_files"
    message = "A request holds 5 files. Remove one to attach another."


# What an employee asks for


class NothingChosen(Refusal):
    code = "nothing_chosen"
    message = "Choose at least one, or say that it is about all of them."


class NotInRegister(Refusal):
    code = "not_in_register"
    message = "One of the choices is not in the register any more. Choose again."


class PeriodOutOfRange(Refusal):
    code = "period_out_of_range"
    message = "This period can't be asked for."


class DraftNotComplete(Refusal):
    code = "draft_not_complete"
    message = "Something is missing before this can be sent."


class TextMissing(Refusal):
    code = "text_missing"
    message = "Write a sentence or two."


class TextTooLong(Refusal):
    code = "text_too_long"
    message = "This is longer than fits. Shorten it, or attach it as a text file."


class TooManyAdditions(Refusal):
    code = "too_many_additions"
    message = "You added ten times within a day. Add what else there is tomorrow, in one."


class GroundNotOffered(Refusal):
    code = "ground_not_offered"
    message = "These grounds can't be chosen at the moment."


class TooManyRequests(Refusal):
    code = "too_many_requests"
    message = "You have many requests open. Withdraw one, or wait for a decision, then ask again."


class SameScopePending(Refusal):
    code = "same_scope_pending"
    message = (
        "You already have a request in review for just this, and you are protected while it is. "
        "Add what is new to that one."
    )


class AppealTooLate(Refusal):
    code = "appeal_too_late"
    message = "The time to appeal is over. You can send a new request."


class AlreadyRenewed(Refusal):
    code = "already_renewed"
    message = "You asked to renew this one already."


class NothingToRenew(Refusal):
    code = "nothing_to_renew"
    message = "Only an exemption that has an end can be renewed, from 60 days before it on."


# Deciding


class WrongState(Refusal):
    code = "wrong_state"
    message = "This can't be done with the request as it stands now."


class SomebodyWasFirst(Refusal):
    code = "somebody_was_first"
    message = "The request changed while you had it open. Look again; nothing of yours was saved."


class OwnRequest(Refusal):
    code = "own_request"
    message = "Nobody decides on their own request."


class DecidedAlready(Refusal):
    code = "decided_already"
    message = "You decided on this request before. Somebody else has to decide now."


class NotYourStep(Refusal):
    code = "not_your_step"
    message = "This step waits for somebody else."


class WiderThanAsked(Refusal):
    code = "wider_than_asked"
    message = "A decision keeps what was asked for or takes less; this is more."


class NotNarrower(Refusal):
    code = "not_narrower"
    message = "This is all that was asked for. Approve it, or choose less."


class ReasonMissing(Refusal):
    code = "reason_missing"
    message = "Say why. The employee reads it."


class CodeMissing(Refusal):
    code = "code_missing"
    message = "Choose why it is declined."


class PeriodOver(Refusal):
    code = "period_over"
    message = "The time that was asked for is over; there is nothing left to approve."


class TooManyQuestions(Refusal):
    code = "too_many_questions"
    message = (
        "Three questions were asked at this step. Decide on what is known; you can still write a "
        "message that stops no clock."
    )


class AssigneeNotAble(Refusal):
    code = "assignee_not_able"
    message = "This person can't decide on this request."


class DeadlineNotExtensible(Refusal):
    code = "deadline_not_extensible"
    message = "The legal deadline was extended before, or the law here has none to extend."


class NoticeTooShort(Refusal):
    code = "notice_too_short"
    message = "The employee needs more notice than that."


class TooManyOpenings(Refusal):
    code = "too_many_openings"
    message = (
        "You opened many confidential requests in a short time. "
        "Further ones stay closed for ten minutes, and the auditors were told."
    )


class OpenOneByOne(Refusal):
    code = "open_one_by_one"
    message = "Confidential requests are decided one at a time, each on its own page."


# Delegation


class DelegationOverlaps(Refusal):
    code = "delegation_overlaps"
    message = "You have a delegation for part of that time. End it first."


class DelegationInPast(Refusal):
    code = "delegation_in_past"
    message = "This day is over. Choose today or a later one."


class DelegationOutOfRange(Refusal):
    code = "delegation_out_of_range"
    message = "The last day is the first or a later one, and at most 90 days are covered."


class DelegateNotAble(Refusal):
    code = "delegate_not_able"
    message = "This person can't decide for you."


# Routes


class RouteNotSound(Refusal):
    code = "route_not_sound"
    message = "This route can't be used."


class SamePerson(Refusal):
    code = "same_person"
    message = "Who wrote the route can't approve it."


class NotAllowed(Refusal):
    code = "not_allowed"
    message = "Your roles do not allow this."
