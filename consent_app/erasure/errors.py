"""The refusals of this room."""

from portal.lib.refusals import Refusal


class ScopeEmpty(Refusal):
    code = "scope_empty"
    message = "Choose a period, or at least one application."


class PeriodInFuture(Refusal):
    code = "period_in_future"
    message = "The period ends in the future. What was not collected yet can't be forgotten: pause."


class PeriodBackwards(Refusal):
    code = "period_backwards"
    message = "The period ends before it begins."


class PeriodTooOld(Refusal):
    code = "period_too_old"
    message = "Nothing is kept for that long. Begin later."


class ApplicationsTooMany(Refusal):
    code = "applications_too_many"
    message = "Choose at most 30 applications, or all of them."


class ApplicationUnknown(Refusal):
    code = "application_unknown"
    message = "Nothing was ever collected from one of these applications."


class OrdersTooMany(Refusal):
    code = "orders_too_many"
    message = (
        "20 orders of yours are still open. Wait for one to end, or order a longer period at once."
    )


class OrderCovered(Refusal):
    code = "order_covered"
    message = "An order of yours that is still open covers all of this already."


class DataStoreExists(Refusal):
    code = "data_store_exists"
    message = "There is a store with this name."


class DataStoreUnknown(Refusal):
    code = "data_store_unknown"
    message = "There is no store with this name."


class DataStoreRetired(Refusal):
    code = "data_store_retired"
    message = "This store is retired already."


class DataStoreUnclear(Refusal):
    code = "data_store_unclear"
    message = "Say the store's name (80 characters at most) and what it holds (300)."


class EndpointUnusable(Refusal):
    code = "endpoint_unusable"
    message = "The endpoint must be an https address without a name or password in it."


# What a store's message can be refused for


class SignatureInvalid(Refusal):
    code = "signature_invalid"
    message = "The message is not signed by a key of this store."


class TimestampOutOfRange(Refusal):
    code = "timestamp_out_of_range"
    message = "webhook-timestamp is more than 5 minutes from now. Sign again with the time of now."


class OrderUnknown(Refusal):
    code = "order_unknown"
    message = "This store was given no such order."


class ConfirmedDifferently(Refusal):
    code = "confirmed_differently"
    message = "This store confirmed the order already, in other words. The first ones stand."


class MessageReused(Refusal):
    code = "message_reused"
    message = "This webhook-id was used for another order."


class ErasedAtImpossible(Refusal):
    code = "erased_at_impossible"
    message = "erased_at lies before the order or in the future."
