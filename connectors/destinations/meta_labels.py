"""What Meta calls kinds of audiences: `audience_labels`, sent on creation and when they change.

The words are those of `CustomAudience.AudienceLabels` in facebook-business (26.0.3); settings write them small. They
tell Meta what the people of an audience are to the business, as its name does.
"""

from collections.abc import Iterable, Mapping

from passerelle.connectors.contract.destination import AudienceSpec

LABELS = frozenset(
    [
        "app_users",
        "at_risk",
        "cart_abandoners",
        "disengaged",
        "disqualified_leads",
        "engaged_users",
        "general_customers",
        "high_value_customers",
        "low_value_customers",
        "other_1",
        "other_2",
        "other_3",
        "qualified_leads",
        "recent_purchasers",
        "trial_users",
    ]
)

OF_RFM: Mapping[str, str] = {
    "champions": "high_value_customers",
    "loyal": "engaged_users",
    "potential_loyalists": "engaged_users",
    "new_customers": "recent_purchasers",
    "promising": "recent_purchasers",
    "need_attention": "at_risk",
    "about_to_sleep": "at_risk",
    "at_risk": "at_risk",
    "cant_lose": "at_risk",
    "hibernating": "disengaged",
    "lost": "disengaged",
}
"""The label nearest to each of the usual RFM groups."""


def labels_of(spec: AudienceSpec) -> list[str]:
    """The labels in Meta's words, sorted: those that were asked for, else those of the segment's RFM groups."""
    chosen: Iterable[str] = spec.labels if spec.labels is not None else {OF_RFM[name] for name in spec.rfm_groups}
    return sorted(label.upper() for label in chosen)
