"""`audit recipients · policy · min-size · sensitive · vendors`: what the workspace's own settings answer for."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.question import Asked, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.privacy.audit.answer import Answer
    from passerelle.privacy.consent import Policy


class PolicyRequest(AsOfRequest):
    """Which policy."""

    diff: list[str] = Field(
        default_factory=list,
        max_length=2,
        description="Versions (or digests) to compare, given once or twice; one is compared with what is in force.",
        json_schema_extra={"cli": "option"},
    )


def _recipients(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.workflows.audit.record import recipients

    return recipients(asked.workspace, asked.known().policy)


def _policy(asked: Asked[PolicyRequest]) -> "Answer":
    from passerelle.privacy.audit.answer import Answer, Found, found
    from passerelle.privacy.audit.rulebook import changes, differences, rules_of

    known = asked.known()
    versions, policy = changes(asked.connection, asked.until.log_size), known.policy
    wanted = [_version(asked.connection, word, versions) for word in asked.request.diff]
    both = (*wanted, policy)[:2] if wanted else ()
    filed = any(line["digest"] == policy.digest for line in versions)
    return Answer(
        facts={
            "version": policy.version,
            "digest": policy.digest,
            "title": policy.title,
            "approvers": list(policy.approvers),
            "on_file": filed,
            "freshness": {name: f"{seconds // 3600} h" for name, seconds in policy.freshness.items()},
        },
        tables={
            "rules": rules_of(policy),
            "changes": versions,
            "differences": differences(*both) if len(both) == 2 else [],  # noqa: PLR2004 - two versions
        },
        findings=found(Found("the policy has no approvers", int(not policy.approvers))),
        advice="Write into policy.yaml under `approvers:` who may change it.",
    )


def _version(connection: "Connection", word: str, versions: list[dict[str, object]]) -> "Policy":
    """The newest version that `word` means: a number, or the beginning of a digest."""
    from passerelle.privacy.audit.rulebook import policy_by_digest

    for line in reversed(versions):
        if word == str(line["version"]) or (len(word) >= 8 and str(line["digest"]).startswith(word)):  # noqa: PLR2004
            policy = policy_by_digest(connection, str(line["digest"]))
            if policy is not None:
                return policy
    on_file = ", ".join(sorted({str(line["version"]) for line in versions})) or "none"
    raise DefinitionError(f"There is no such version of the policy on file. Known: {on_file}.")


def _sizes(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.workflows.audit.sizes import sizes

    return sizes(asked.workspace, asked.known())


def _sensitive(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.workflows.audit.sensitive import sensitive

    return sensitive(asked.workspace)


def _vendors(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.workflows.audit.vendors import vendors

    return vendors(asked.workspace)


QUESTIONS = (
    Question(
        "recipients",
        "Show the record of processing of GDPR article 30, read from the settings in force.",
        "a record without a controller, or processing that no rule of the policy covers",
        _recipients,
        (
            Columns(
                "processing",
                "Processing",
                ("audience", "purpose", "destination", "basis"),
                ("validity_days",),
                ("people", "jurisdictions"),
            ),
            Columns(
                "recipients",
                "Recipients",
                ("destination", "platform", "entity", "terms_accepted"),
                (),
                ("joint_controllers", "transfers", "dpia"),
            ),
            Columns("sources", "Sources", ("source", "kind"), (), ("identifiers", "attributes", "consents")),
            Columns("security", "Security measures", (), (), ("measure",)),
        ),
    ),
    Question(
        "policy",
        "Show the rules in force, every change of them, and how two versions differ.",
        "a policy that does not say who may change it",
        _policy,
        (
            Columns(
                "rules",
                "Rules",
                ("purpose", "destinations", "jurisdictions", "lawful_basis", "evidence"),
                ("validity_days", "minimum_size"),
            ),
            Columns("changes", "Changes", ("since", "version", "approvers", "run_id"), ("rules",), ("digest",)),
            Columns(
                "differences", "Differences", ("purpose", "destination", "jurisdiction", "what"), (), ("was", "is")
            ),
        ),
        PolicyRequest,
    ),
    Question(
        "min-size",
        "Show audiences below the smallest size allowed, and runs that were refused for it.",
        "an audience that is there with fewer people than allowed",
        _sizes,
        (
            Columns(
                "audiences", "Audiences", ("audience", "destination"), ("members", "minimum", "refused"), ("below",)
            ),
        ),
    ),
    Question(
        "sensitive",
        "Look for special categories in segment rules, traits, columns and audience names.",
        "a word of the list in any of them",
        _sensitive,
        (Columns("words", "Words", ("file", "category", "word"), ("line",), ("meta_status", "seen_at_platform")),),
    ),
    Question(
        "vendors",
        "Show terms, arrangements between controllers and impact assessments on file for each recipient.",
        "a recipient without its terms, its arrangement or its impact assessment on file",
        _vendors,
        (
            Columns(
                "vendors",
                "Recipients",
                ("destination", "entity", "terms_accepted", "local_twin"),
                (),
                ("joint_controllers", "dpia", "missing"),
            ),
        ),
    ),
)

VERBS: list[AnyVerb] = [question.verb() for question in QUESTIONS]
