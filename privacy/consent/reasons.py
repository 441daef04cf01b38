"""Every answer the gate can give, with a sentence for people. The order is the order of precedence."""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    # allowed
    "consent": "a live consent rests on a notice that names this purpose and this recipient",
    "legitimate_interest": "the policy allows it on legitimate interest and the person has not objected",
    # hard stops: they beat time and everything
    "erased": "the person was erased",
    "unknown_person": "nobody in the store has this id",
    "objection": "the person objected",
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
    "evidence_too_weak": "the evidence of the consent is weaker than the policy asks for",
    "time_unknown": "it is not known when the consent was given",
    "notice_missing": "the consent names no notice",
    "notice_unknown": "the notice it names is not on file",
    "notice_not_for_purpose": "the notice does not name this purpose",
    "notice_not_for_recipient": "the notice does not name this recipient",
    "recipient_not_chosen": "the person chose recipients, and this is not one of them",
    "notice_not_valid_then": "the notice was not in use when the consent was given",
    "expired": "the consent has expired",
    # there is a yes that counts, from somebody too young
    "under_age": "the person is younger than the policy allows",
    "age_unknown": "the person's age is not known, and the policy asks for it",
}

ALLOWED: frozenset[str] = frozenset({"consent", "legitimate_interest"})
