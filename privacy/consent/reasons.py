"""Every answer the gate can give, with a sentence for people. The order is the order of precedence."""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    # allowed
    "consent": "a live consent rests on a notice that names this purpose and this recipient",
    "legitimate_interest": "the policy allows it on legitimate interest and the person has not objected",
    # hard stops: they beat time and everything
    "erased": "the person was erased",
    "unknown_person": "nobody in the store has this id",
    "under_age": "the person is younger than the policy allows, or is known to be a child",
    "objection": "the person objected",
    "opt_out": "the person opted out of sale, sharing or targeted advertising, and no two-step opt-in came after",
    "opted_out_at_platform": "the platform reports that the person opted out there",
    # somebody said no, and nothing that counts came after
    "withdrawn": "the consent was withdrawn",
    "refused": "the consent was refused",
    "terminated": "the consent was terminated or invalidated",
    "ended": "the source says that the consent has expired",
    "unanswered": "the person was asked and has not answered, or the source does not know",
    # the policy has no answer
    "jurisdiction_unknown": "it is not known where the person is",
    "no_policy_rule": "no rule of the policy covers this purpose, destination and jurisdiction",
    # nobody said yes
    "no_consent_event": "nothing is known of a consent to this purpose",
    # there is a yes, which does not count
    "other_channel": "the consent is to another channel (a browser, a mailbox), and the policy lets it only refuse",
    "evidence_too_weak": "the evidence of the consent is weaker than the policy asks for",
    "time_unknown": "it is not known when the consent was given",
    "notice_missing": "the consent names no notice",
    "notice_unknown": "the notice it names is not on file",
    "notice_not_for_purpose": "the notice does not name this purpose",
    "notice_not_for_recipient": "the notice does not name this recipient",
    "recipient_not_chosen": "the person chose recipients, and this is not one of them",
    "notice_not_valid_then": "the notice was not in use when the consent was given",
    "suppressed": "the person was erased, and has not agreed to anything since",
    "expired": "the consent has expired",
    # there is a yes that counts, from somebody who may be too young
    "age_unknown": "the person's age is not known, and the policy asks for it",
}

ALLOWED: frozenset[str] = frozenset({"consent", "legitimate_interest"})
