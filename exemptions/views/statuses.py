"""The one table from refusals to HTTP statuses; a test walks every refusal of this room.

409: the request is not as it was on the page. 403: not by this person. 422: say it another way.
"""

from collections.abc import Mapping

from exemptions import errors
from portal.lib.refusals import Refusal

STATUS_OF_REFUSAL: Mapping[type[Refusal], int] = {
    errors.AlreadyRenewed: 409,
    errors.AppealTooLate: 409,
    errors.AssigneeNotAble: 422,
    errors.CodeMissing: 422,
    errors.DeadlineNotExtensible: 422,
    errors.DecidedAlready: 409,
    errors.DelegateNotAble: 422,
    errors.DelegationInPast: 422,
    errors.DelegationOutOfRange: 422,
    errors.DelegationOverlaps: 422,
    errors.DraftNotComplete: 422,
    errors.FileEmpty: 422,
    errors.FileKindRefused: 422,
    errors.FileRefused: 422,
    errors.FileTooLarge: 422,
    errors.FileUnreadable: 422,
    errors.GroundNotOffered: 422,
    errors.NotAllowed: 403,
    errors.NothingChosen: 422,
    errors.NothingToRenew: 409,
    errors.NoticeTooShort: 422,
    errors.NotInRegister: 422,
    errors.NotNarrower: 422,
    errors.NotYourStep: 403,
    errors.OpenOneByOne: 422,
    errors.OwnRequest: 403,
    errors.PeriodOutOfRange: 422,
    errors.PeriodOver: 409,
    errors.PictureTooLarge: 422,
    errors.ReasonMissing: 422,
    errors.RouteNotSound: 422,
    errors.SameScopePending: 422,
    errors.SamePerson: 403,
    errors.SomebodyWasFirst: 409,
    errors.TextMissing: 422,
    errors.TextTooLong: 422,
    errors.TooManyAdditions: 422,
    errors.TooManyFiles: 422,
    errors.TooManyOpenings: 429,
    errors.TooManyQuestions: 422,
    errors.TooManyRequests: 422,
    errors.WiderThanAsked: 422,
    errors.WrongState: 409,
}


def status_of(refusal: Refusal) -> int:
    return STATUS_OF_REFUSAL[type(refusal)]
