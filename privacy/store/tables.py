"""The control store's tables, in SQLAlchemy Core: what is promised of each stands in its comment.

No table holds an identifier or a match key in clear: those are only inside `vault.body` and
`sent.match_keys`, encrypted under the subject's own data key. Times are integers: microseconds since
1970 UTC. Digests and keys are raw bytes.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

# A BIGINT that SQLite keeps as its rowid alias where it is the primary key.
Id = BigInteger().with_variant(Integer, "sqlite")

setting = Table(
    "setting", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

# --- keys
# Generations of the master key that this store was made with or rotated to. The check value tells a wrong key.
key_generation = Table(
    "key_generation",
    metadata,
    Column("generation", SmallInteger, primary_key=True, autoincrement=False),
    Column("key_id", String(24), nullable=False),
    Column("check_value", LargeBinary(16), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),  # its master may be destroyed since then
)

# What each generation is or was used for: privacy.rotation.uses. A use's current generation is its newest; rows may
# rest on an older one until `ended_at`.
key_use = Table(
    "key_use",
    metadata,
    Column("use", String(16), primary_key=True),
    Column("generation", SmallInteger, primary_key=True, autoincrement=False),
    Column("began_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("position", String(64)),  # how far a rotation to this generation has come
)

# --- people
subject = Table(
    "subject",
    metadata,
    Column("subject_id", Id, primary_key=True, autoincrement=False),
    Column("subject_ref", String(40), nullable=False, unique=True),
    Column("country", String(2)),  # ISO 3166-1 alpha-2, upper case; decides the jurisdiction
    Column("merged_into", BigInteger),  # the person this one turned out to be; followed to its end
    Column("merged_at", BigInteger),  # when that was found; consent heard later was said by the one person they are
    Column("created_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),
    Column("suppressed_at", BigInteger),  # an erased person had one of their identifiers: only a later yes counts
    # Of the merged alone: each batch asks for all of them, they are few among very many, and SQLite's planner, without
    # statistics, takes no other index for it. PostgreSQL's has them; to say it there, too, would load its dialect.
    Index("subject_merged", "merged_into", sqlite_where=text("merged_into IS NOT NULL")),
)

# An identity field's keyed digest -> who. Equal e-mail, phone or external id is the same person.
identity = Table(
    "identity",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("subject_id", BigInteger, nullable=False, index=True),
    Column("generation", SmallInteger, nullable=False),  # of the master key that last wrapped the digest
    sqlite_with_rowid=False,
)

# body: every identifier ever held of the person, sealed with data_key;
# data_key and audit_key are wrapped by the key-encryption key.
vault = Table(
    "vault",
    metadata,
    Column("subject_id", Id, primary_key=True, autoincrement=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("audit_key", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),  # grows with each change of the identifiers
    Column("generation", SmallInteger, nullable=False),  # of the master key that wraps data_key and audit_key
)

# Fingerprints of erased people's identifiers, under a key of their own and without their number: who comes back
# from a source that still has them is nobody new. Kept until `until`.
suppression = Table(
    "suppression",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("generation", SmallInteger, nullable=False),  # of the master key that last wrapped the digest
    sqlite_with_rowid=False,
)

# Erasures asked for: requested -> removing -> done. The person's number stays; nothing else of them does.
erasure = Table(
    "erasure",
    metadata,
    Column("erasure_id", String(40), primary_key=True),
    Column("subject_id", BigInteger, nullable=False, index=True),
    Column("cause", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("log_index", BigInteger, nullable=False),  # of the request
    Column("evidence", LargeBinary),  # what must be kept, sealed to the data protection officer's key
    Column("evidence_until", BigInteger),  # destroyed then
)

# People whom something other than an equal identifier ties together: a no of one is a no of both, a yes is not.
probable_link = Table(
    "probable_link",
    metadata,
    Column("subject_id", BigInteger, primary_key=True),  # the smaller id
    Column("other_id", BigInteger, primary_key=True, index=True),
    Column("score", Integer, nullable=False),  # per mille
    Column("source", String(64), nullable=False),
    Column("found_at", BigInteger, nullable=False),
    Column("let_go_at", BigInteger),  # since when somebody who judged the pair says that these are two people
    sqlite_with_rowid=False,
)

# --- consent
consent_event = Table(
    "consent_event",
    metadata,
    Column("event_id", Id, primary_key=True, autoincrement=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),  # the log entry of the import this came in with
    Column("position", Integer, nullable=False),  # its member leaf's place in that entry
    Column("purpose", String(40), nullable=False),
    Column("state", String(32), nullable=False),
    Column("event_time", BigInteger),  # null: unknown
    Column("precision", String(8), nullable=False),
    Column("recorded_at", BigInteger),  # as the source says
    Column("ingested_at", BigInteger, nullable=False),
    Column("valid_until", BigInteger),
    Column("notice", String(80)),  # id@version
    Column("recipients", String(120)),  # space separated; null: those that the notice names
    Column("grade", String(1), nullable=False),
    Column("stream", String(240), nullable=False),  # source and scope: the later event of one stream replaces
    Column("method", String(80)),
    Column("actor", String(80), nullable=False),
    Column("channel", String(8)),  # the signal is about web, email, sms …; null: said to us, of this very purpose
    Column("stop", String(12)),  # what a refusal imposes or a grant lifts: objection | opt_out | under_age | platform
    Column("expression", String(12)),  # explicit | implicit | two_step
    Column("identified_by", String(16)),  # the identifier by which the person was recognised
    Column("adapter", String(40)),  # what read the signal, and its version: tcf/1
    Column("evidence", LargeBinary(32)),  # keyed digest of the raw signal
    Column("raw", LargeBinary),  # the raw signal, sealed with the person's data key
    Column("fingerprint", LargeBinary(16), nullable=False, unique=True),  # of what the source said: heard once
    Index("consent_event_subject", "subject_id", "purpose"),
)

# Versions of notices and of the policy as they were when something rested on them.
document = Table(
    "document",
    metadata,
    Column("kind", String(16), primary_key=True),  # notice | policy
    Column("digest", String(64), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("log_index", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

# The last decision per person, audience and destination; every change of it is a member leaf in the log.
decision = Table(
    "decision",
    metadata,
    Column("destination", String(40), primary_key=True),
    Column("audience", String(64), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    Column("allowed", SmallInteger, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("event_id", BigInteger),  # the consent event it rests on
    Column("policy", String(64), nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# --- the log
log_entry = Table(
    "log_entry",
    metadata,
    Column("log_index", Id, primary_key=True, autoincrement=False),
    Column("kind", String(24), nullable=False),
    Column("body", LargeBinary, nullable=False),  # canonical bytes; its leaf is SHA-256(0x00 || body)
    Column("leaf", LargeBinary(32), nullable=False),
)

# Members of an entry: their leaves in chunks of 32-byte digests, whose RFC 6962 root stands in the entry's body.
log_members = Table(
    "log_members",
    metadata,
    Column("log_index", Id, primary_key=True, autoincrement=False),
    Column("chunk", Integer, primary_key=True),
    Column("leaves", LargeBinary, nullable=False),
    Column("root", LargeBinary(32), nullable=False),  # over this chunk, so that a proof reads one chunk
)

# The hashes of the log's complete subtrees above the leaves: an append and a proof read O(log n) of them.
log_node = Table(
    "log_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("size", Id, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),  # the C2SP signed note
    Column("signed_at", BigInteger, nullable=False),
)

# Others' signatures under a checkpoint: a witness's line of the note, or an RFC 3161 time stamp.
log_witness = Table(
    "log_witness",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),  # cosignature | timestamp
    Column("name", String(120), primary_key=True),  # of the witness or the authority
    Column("body", LargeBinary, nullable=False),  # the signature line, or the DER response
    Column("received_at", BigInteger, nullable=False),
)

# --- what was really sent
# Our audience at a platform, made or adopted once.
remote_audience = Table(
    "remote_audience",
    metadata,
    Column("destination", String(40), primary_key=True),
    Column("audience", String(64), primary_key=True),
    Column("remote_id", String(64), nullable=False),
    Column("columns", Text, nullable=False),  # JSON list: the fixed schema of its rows, for its life
    Column("described", String(64), nullable=False),  # digest of the name, description and labels last told there
    Column("platform", String(20), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("doubt", String(12)),  # adopted | restored: people may be there whom nobody here knows, until replaced
    Column("doubted_at", BigInteger),  # whoever else is there was added until then
    Column("doubt_ends", String(40)),  # the removal that takes them out: the doubt ends when it is confirmed
)

# Who is at the platform, by our receipts. state: member | removing, or unsendable: nobody was sent, since no key of
# theirs can be at this revision of their identifiers. Whether a member is certain, their batch's state says: a receipt
# changes that one row. A row goes when its removal is confirmed.
membership = Table(
    "membership",
    metadata,
    Column("destination", String(40), primary_key=True),
    Column("audience", String(64), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    Column("state", String(12), nullable=False),
    Column("revision", Integer, nullable=False),  # of the vault, when sent
    Column("value_mark", BigInteger),  # a keyed digest of the value sent with them, where the audience has values
    Column("batch_id", String(40), nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What was sent of everybody who is there, or may be: written once, with the intent, and gone with the membership.
sent = Table(
    "sent",
    metadata,
    Column("destination", String(40), primary_key=True),
    Column("audience", String(64), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    Column("match_keys", LargeBinary, nullable=False),  # as on the wire, sealed with the subject's data key
    sqlite_with_rowid=False,
)

# Removals that are owed: queued by a withdrawal, an erasure or a plan; gone when the platform confirms.
removal = Table(
    "removal",
    metadata,
    Column("destination", String(40), primary_key=True),
    Column("audience", String(64), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    Column("cause", String(40), nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("refusal", String(80)),  # why the platform last refused
    Column("tries", Integer, nullable=False, default=0),
)

# intended -> accepted -> settled. Written before the push, updated by its receipt; superseded when a push ended
# without one and the next run sent its people again. A replacement of all members is a batch without people of its
# own (action replace); the additions that it consists of, and the removal that concludes it, name it.
batch = Table(
    "batch",
    metadata,
    Column("batch_id", String(40), primary_key=True),
    Column("run_id", String(40), nullable=False, index=True),
    Column("destination", String(40), nullable=False),
    Column("audience", String(64), nullable=False),
    Column("action", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("accepted", Integer, nullable=False, default=0),
    Column("rejected", Integer, nullable=False, default=0),
    Column("pending", Integer, nullable=False, default=0),
    Column("receipt", Text),  # JSON: request ids, session, reasons and counts; no identifier
    Column("log_index", BigInteger, nullable=False),
    Column("intended_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("replacement", String(40)),  # the batch of the replacement that this one is part of
    Index("batch_open", "destination", "audience", "state"),
)

# Who a batch is about, and a rejected row's reason.
batch_member = Table(
    "batch_member",
    metadata,
    Column("batch_id", String(40), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    Column("position", Integer, nullable=False),  # of its member leaf in the batch's log entry
    Column("rejected", String(40)),
    sqlite_with_rowid=False,
)

# --- work
run = Table(
    "run",
    metadata,
    Column("run_id", String(40), primary_key=True),
    Column("verb", String(24), nullable=False),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
    Column("outcome", String(24)),
    Column("exit_code", Integer),
    Column("result", Text),  # the result object, JSON
)

cursor = Table(
    "cursor",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("state", Text, nullable=False),  # JSON, opaque but to its source
    Column("watermark", BigInteger),  # up to when the source is known; freshness is measured from it
    Column("updated_at", BigInteger, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("place", String(120), primary_key=True),  # file and row, or the record key's keyed digest
    Column("field", String(64), nullable=False),
    Column("reason", String(80), nullable=False),  # never a value
    Column("seen_at", BigInteger, nullable=False),
)

threshold = Table(
    "threshold",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("group", String(80), primary_key=True),
    Column("as_of", BigInteger, primary_key=True),
    Column("value", Text),  # JSON number, or null
    Column("definition", String(64), nullable=False),  # digest of what was asked
    Column(
        "kept", SmallInteger, nullable=False, default=0
    ),  # 1: the guard kept the previous value; 2: a person accepted a jump
)

# Who was held out of which audience, and since when; append-only. Only people who would have been sent otherwise.
holdout = Table(
    "holdout",
    metadata,
    Column("audience", String(64), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Places where a run had nothing to do, digests of what that rests on and until when: workflows.plan.standstill.
standstill = Table(
    "standstill",
    metadata,
    Column("destination", String(40), primary_key=True),
    Column("audience", String(64), primary_key=True),
    Column("rests_on", String(64), nullable=False),  # the store's content, policy, notices
    Column("asked", String(64), nullable=False),  # settings, the people of the segment
    Column("members", Integer, nullable=False),
    Column("withheld", Text, nullable=False),  # JSON: counts by reason
    Column("kept_at", BigInteger, nullable=False),
    Column("holds_until", BigInteger, nullable=False),  # when a decision may next change by itself
)

# What every other table adds up to: see `seals`. The row "*" counts the writes and authenticates all others.
table_seal = Table(
    "table_seal",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("sum", LargeBinary(32), nullable=False),
)
