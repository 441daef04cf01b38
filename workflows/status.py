"""How everything stands: runs and their batches, places and their people, what is owed and for how long."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from passerelle.connectors.contract.destination import AudienceSpec, AudienceState
from passerelle.privacy.erasure import DONE
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.ledger import Place
from passerelle.privacy.store import tables as t
from passerelle.workflows.accounts import ALARM_HOURS, BREACH_HOURS, sums
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.place import await_settled, reach
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.verbs.status import Debt, PlaceLine, RunLine, StatusResult, Sums

_RUNS_SHOWN = 10
_HOUR = 3_600_000_000


def look(crew: Crew, *, run_id: str = "", offline: bool = False) -> StatusResult:
    """Look at everything, or at one run; pending batches are asked about first, unless offline."""
    with crew.store.read() as connection:
        places = crew.ledger.places(connection)
        farewells = [Place.everywhere(name) for name in dict.fromkeys(place.destination for place in places)]
        places += [place for place in farewells if crew.ledger.owed(connection, place).num_rows]
    states = {place: AudienceState("not asked") if offline else _ask(crew, place) for place in places}
    with crew.store.read() as connection:
        rows = {(row["destination"], row["audience"]): row for row in sums(crew.store, connection).to_pylist()}
        return StatusResult(
            runs=_runs(connection, run_id),
            audiences=[
                _line(crew, connection, place, state, _rows(rows.get((place.destination, place.audience), {})))
                for place, state in states.items()
            ],
            log_size=crew.log.size(connection),
            erasures_open=_erasures(connection),
        )


def _ask(crew: Crew, place: Place) -> AudienceState:
    """Ask the platform; what stands in the way becomes the status, since looking must not fail."""
    try:
        with crew.store.read() as connection:
            remote = crew.ledger.remote(connection, place)
        if remote is None:
            return AudienceState("leaving" if place.is_everywhere else "unknown")
        target = reach(crew, place, AudienceSpec.unchanged(place.audience), remote.purpose)
        report = PlaceReport(place)
        await_settled(crew, target, report, crew.patience)
        state = target.destination.state(target.remote)
        said = f"{report.problem} {report.advice}".strip()
        return replace(state, problems=(said, *state.problems)) if said else state
    except PasserelleError as problem:
        return AudienceState(problem.outcome, problems=(f"{problem.message} {problem.advice}".strip(),))


def _runs(connection: Connection, run_id: str) -> list[RunLine]:
    statement = select(t.run).order_by(t.run.c.started_at.desc()).limit(_RUNS_SHOWN)
    if run_id:
        statement = select(t.run).where(t.run.c.run_id == run_id)
    rows = connection.execute(statement).mappings().all()
    return [_run(connection, row["run_id"], dict(row)) for row in rows]


def _run(connection: Connection, run_id: str, row: dict[str, object]) -> RunLine:
    b = t.batch.c
    sums = (func.coalesce(func.sum(column), 0) for column in (b.rows, b.accepted, b.rejected, b.pending))
    statement = select(func.count(), *sums).where(b.run_id == run_id, b.state != "superseded")
    batches, rows, accepted, rejected, waiting = (int(number) for number in connection.execute(statement).one())
    started, ended = int(str(row["started_at"])), row["ended_at"]
    return RunLine(
        run_id=run_id,
        verb=str(row["verb"]),
        started_at=_iso(started),
        seconds=None if ended is None else (int(str(ended)) - started) / 1_000_000,
        outcome=str(row["outcome"] or "unfinished"),
        batches=batches,
        rows=rows,
        accepted=accepted,
        rejected=rejected,
        pending=waiting,
    )


def _erasures(connection: Connection) -> int:
    """How many erasures are not done."""
    still = select(func.count()).select_from(t.erasure).where(t.erasure.c.state != DONE)
    return int(connection.execute(still).scalar_one())


def _rows(row: dict[str, int]) -> Sums:
    return Sums(**{name: row.get(name, 0) for name in Sums.model_fields})


def _line(crew: Crew, connection: Connection, place: Place, state: AudienceState, rows: Sums) -> PlaceLine:
    people = crew.ledger.people(connection, place)
    waiting = crew.ledger.batches(connection, place, "accepted")
    return PlaceLine(
        audience=place.audience,
        destination=place.destination,
        members=crew.ledger.count(connection, place),
        pending=sum(batch.rows for batch in waiting),
        unsendable=people["state"].to_pylist().count("unsendable"),
        rows=rows,
        platform_status=state.status,
        size_low=state.size_low,
        size_high=state.size_high,
        match_rate=state.match_rate,
        problems=list(state.problems),
        working=state.working,
        debt=_debt(crew, connection, place),
    )


def _debt(crew: Crew, connection: Connection, place: Place) -> Debt | None:
    owed = crew.ledger.owed(connection, place)
    if not owed.num_rows:
        return None
    oldest = min(owed["queued_at"].to_pylist())
    hours = (crew.now() - oldest) / _HOUR
    state = "breach" if hours > BREACH_HOURS else "alarm" if hours > ALARM_HOURS else "ok"
    return Debt(
        people=owed.num_rows,
        oldest_hours=round(hours, 2),
        deadline=_iso(oldest + BREACH_HOURS * _HOUR),
        state=state,
        causes=dict(Counter(owed["cause"].to_pylist())),
        refusals=dict(Counter(reason for reason in owed["refusal"].to_pylist() if reason)),
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
