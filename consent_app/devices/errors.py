"""The refusals of this room."""

from portal.lib.refusals import Refusal


class CeilingFileUnreadable(Refusal):
    code = "ceiling_file_unreadable"
    message = "This is no file of ceilings that this command wrote."


class CeilingUnsigned(Refusal):
    code = "ceiling_unsigned"
    message = "A ceiling was refused."


class CeilingNotWanted(Refusal):
    code = "ceiling_not_wanted"
    message = "A ceiling is not what is to be signed now."


class KeySetUnreadable(Refusal):
    code = "key_set_unreadable"
    message = "This is no file of keys that this command wrote."


class KeySetUnsigned(Refusal):
    code = "key_set_unsigned"
    message = "The key set was refused."


class KeySetNotWanted(Refusal):
    code = "key_set_not_wanted"
    message = "The keys are not those that are to be signed now. Write the file anew with --out."


class KeyNotAnnounced(Refusal):
    code = "key_not_announced"
    message = "The next key is in no signed key set yet. Run “manage.py sign_keys” first."


class KeyAnnouncedLately(Refusal):
    code = "key_announced_lately"
    message = "The next key was announced too lately."


class KeyStillInUse(Refusal):
    code = "key_still_in_use"
    message = "The old key may still be in use on devices."


class KeyKeptForEver(Refusal):
    code = "key_kept_for_ever"
    message = "Old checkpoint keys stay on the list for ever: receipts are checked by them."


class EnrolmentCodeInvalid(Refusal):
    code = "enrolment_code_invalid"
    message = "This code is not valid, or no longer. Ask the portal for a new one."


class EnrolmentCodeUsed(Refusal):
    code = "enrolment_code_used"
    message = "This code was used already. Ask the portal for a new one."


class EnrolmentCodeSpent(Refusal):
    code = "enrolment_code_spent"
    message = "This code has let in as many devices as it may. Ask your IT administrators."


class EmployeeUnknown(Refusal):
    code = "employee_unknown"
    message = "Nobody who works here has this address."


class TooManyDevicesWait(Refusal):
    code = "too_many_devices_wait"
    message = "This person has as many devices to confirm as there may be at once."


class DeviceWaitsForOwner(Refusal):
    code = "device_waits_for_owner"
    message = "The device's owner has not said yet that it is theirs."


class DeviceDoesNotWait(Refusal):
    code = "device_does_not_wait"
    message = "Whether this device is yours was said already."


class RolloutOver(Refusal):
    code = "rollout_over"
    message = "This code had ended already."


class RolloutOutOfRange(Refusal):
    code = "rollout_out_of_range"
    message = "A code of a roll-out lasts 1 to 90 days and lets in at least one device."


class KeyUnusable(Refusal):
    code = "key_unusable"
    message = "The public key must be an Ed25519 key."


class KeyAlreadyRegistered(Refusal):
    code = "key_already_registered"
    message = "This key belongs to a device already."


class DeviceAlreadyRevoked(Refusal):
    code = "device_already_revoked"
    message = "This device was removed already."


class AcknowledgementUnreadable(Refusal):
    code = "acknowledgement_unreadable"
    message = "The acknowledgement is not signed by this device's key, or not readable."


class AcknowledgementOfOtherDevice(Refusal):
    code = "not_found"
    message = "There is no such device."


class PolicyNeverIssued(Refusal):
    code = "policy_never_issued"
    message = "This device was never given such a policy."


class AcknowledgementInFuture(Refusal):
    code = "acknowledgement_in_future"
    message = "The acknowledgement is dated in the future. Check the device's clock."


class EffectWiderThanPolicy(Refusal):
    code = "effect_wider_than_policy"
    message = "The device says that it collects what its policy denies."


class SequenceReused(Refusal):
    code = "sequence_reused"
    message = "This sequence number belongs to another acknowledgement."


class RegisterMissing(Refusal):
    code = "register_missing"
    message = "No register is published yet; `manage.py load_register` makes the first."
