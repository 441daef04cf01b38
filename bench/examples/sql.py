"""The same segments as somebody who knows DuckDB well writes them: one statement each, reading only what it needs.

They may rely on what Passerelle may not: that each person has one row and no amount is missing, that nobody was merged,
and that thresholds need not be remembered.
"""

# ruff: noqa: S608 - nothing in these statements comes from outside
from bench.examples.segments import CENTRES, SCALES, SCORED, WEIGHTS

_T = "TIMESTAMPTZ '2026-11-20 00:00:00+00'"
_PEOPLE, _EVENTS = "read_parquet('{people}')", "read_parquet('{events}')"
_YEAR = f'"at" >= {_T} - INTERVAL 365 DAY'
_RECENCY = f"date_diff('microsecond', max(\"at\"), {_T}) // 86400000000"
_GAP = """date_diff('microsecond', min("at"), max("at")) / nullif(count(*) - 1, 0) / 86400000000.0"""
_PURCHASED = f"""event = 'purchase' AND "at" < {_T}"""


def _bought(*more: str) -> str:
    """Of each customer who bought within the year, the figures asked for."""
    return f"""
    anybody AS (
      SELECT subject_id, count(*) FILTER ({_YEAR}) AS orders, {", ".join(more)}
      FROM {_EVENTS} WHERE {_PURCHASED} GROUP BY subject_id
    ), bought AS (FROM anybody SEMI JOIN {_PEOPLE} USING (subject_id))"""


_REVENUE = f"sum(amount) FILTER ({_YEAR})::BIGINT AS revenue"
_ALL_THREE = _bought(f"{_RECENCY} AS recency", _REVENUE)

CHAMPIONS = f"""
WITH {_ALL_THREE}, buyers AS (FROM bought WHERE orders >= 1), edges AS (
  SELECT quantile_disc(recency, 0.4) AS r, quantile_disc(orders, 0.6) AS f, quantile_disc(revenue, 0.6) AS m FROM buyers
)
SELECT subject_id FROM buyers, edges
WHERE recency <= edges.r AND orders > edges.f AND revenue > edges.m ORDER BY subject_id
"""

_LAPSING = f"""
{_bought(f"{_RECENCY} AS recency", _REVENUE, f"{_GAP} AS gap")},
buyers AS (FROM bought WHERE orders >= 1),
lapsing AS (
  SELECT subject_id FROM buyers WHERE orders >= 2 AND recency > gap * 1.5
    AND revenue >= (SELECT quantile_disc(revenue, 0.9) FROM buyers)
)"""
LAPSING = f"WITH {_LAPSING} SELECT subject_id FROM lapsing ORDER BY subject_id"

_ABANDONED = f"""
recent AS (
  SELECT subject_id, event, epoch_us("at") AS t FROM {_EVENTS}
  WHERE event IN ('cart', 'purchase') AND "at" >= {_T} - INTERVAL 7 DAY AND "at" < {_T}
),
abandoned AS (
  SELECT DISTINCT cart.subject_id FROM recent AS cart
  WHERE cart.event = 'cart' AND cart.t + 86400000000 <= epoch_us({_T}) AND NOT EXISTS (
    FROM recent AS bought WHERE bought.event = 'purchase' AND bought.subject_id = cart.subject_id
      AND bought.t > cart.t AND bought.t <= cart.t + 86400000000
  )
)"""
ABANDONERS = f"""
WITH {_ABANDONED} SELECT subject_id FROM abandoned SEMI JOIN {_PEOPLE} USING (subject_id) ORDER BY subject_id
"""

ABOVE_BASE = f"""
WITH seen AS (
  SELECT subject_id, epoch_us("at") // 86400000000 AS day FROM {_EVENTS}
  WHERE event IN ('view', 'cart', 'purchase') AND "at" >= {_T} - INTERVAL 30 DAY AND "at" < {_T}
),
base AS (SELECT avg(n) AS usual FROM (SELECT count(*) / count(DISTINCT subject_id) AS n FROM seen GROUP BY day))
SELECT subject_id FROM seen SEMI JOIN {_PEOPLE} USING (subject_id)
GROUP BY subject_id HAVING count(*) > 2 * (SELECT usual FROM base) ORDER BY subject_id
"""


def _scaled(column: str, of: str) -> str:
    mean, spread = SCALES[column]
    return f"(ln(1 + {of}::DOUBLE) - {mean}) / {spread} AS {column}"


def _away(centre: list[float]) -> str:
    squares = (f"({column} - {at}) * ({column} - {at})" for column, at in zip(SCALES, centre, strict=True))
    return f"sqrt({' + '.join(squares)})"


_COLUMNS = (("recency_days", "recency"), ("orders_365d", "orders"), ("revenue_365d", "(revenue / 100)"))
FAMILIES = f"""
WITH {_ALL_THREE}, scaled AS (
  SELECT subject_id, {", ".join(_scaled(*column) for column in _COLUMNS)} FROM bought WHERE orders >= 1
), distances AS (
  SELECT subject_id, {", ".join(f"{_away(centre)} AS d{index}" for index, centre in enumerate(CENTRES))} FROM scaled
), loyal AS (SELECT subject_id, round(d1, 9) AS away FROM distances WHERE d1 < d0 AND d1 <= d2)
SELECT subject_id FROM loyal WHERE away <= (SELECT quantile_disc(away, 0.95) FROM loyal) ORDER BY subject_id
"""


def _weighed(column: str, value: str) -> str:
    mean, spread = SCORED[column]
    return f"({value} - {mean}) / {spread} * {WEIGHTS[column]}"


PROPENSITY = f"""
WITH {_ALL_THREE}, scored AS (
  SELECT subject_id, round(1 / (1 + exp(-(-0.5
    + {_weighed("orders_365d", "ln(1 + orders::DOUBLE)")}
    + {_weighed("revenue_365d", "coalesce(revenue, 0) / 100")}
    + {_weighed("recency_days", "recency")}))), 9) AS score
  FROM bought
)
SELECT subject_id FROM scored WHERE score >= (SELECT quantile_disc(score, 0.9) FROM scored) ORDER BY subject_id
"""

SEED = f"""
WITH anybody AS (
  SELECT subject_id, sum(amount)::BIGINT AS revenue FROM {_EVENTS} WHERE {_PURCHASED} AND {_YEAR} GROUP BY subject_id
), spent AS (FROM anybody SEMI JOIN {_PEOPLE} USING (subject_id)), best AS (
  SELECT revenue FROM spent ORDER BY revenue DESC LIMIT (SELECT ceil(count(*) * 0.05)::BIGINT FROM {_PEOPLE})
)
SELECT subject_id FROM spent WHERE revenue >= (SELECT min(revenue) FROM best) ORDER BY subject_id
"""

EXCLUSION = f"""
SELECT subject_id FROM {_PEOPLE}
WHERE country NOT IN ('FR', 'BE') OR subject_id IN (
  SELECT subject_id FROM {_EVENTS}
  WHERE "at" < {_T} AND (
    event = 'purchase' AND "at" >= {_T} - INTERVAL 90 DAY OR event = 'complaint' AND "at" >= {_T} - INTERVAL 180 DAY
  )
)
ORDER BY subject_id
"""

WINBACK = f"""
WITH {_LAPSING}, {_ABANDONED}
SELECT subject_id FROM lapsing
  ANTI JOIN abandoned USING (subject_id)
  ANTI JOIN (SELECT subject_id FROM {_PEOPLE} WHERE do_not_target) USING (subject_id)
WHERE sha256('winback-2026Q4:' || subject_id) >= '1999999a' ORDER BY subject_id
"""

BY_HAND: dict[str, str] = {
    "rfm_champions": CHAMPIONS,
    "lapsing_high_value": LAPSING,
    "cart_abandoners_24h": ABANDONERS,
    "above_base_frequency": ABOVE_BASE,
    "cluster_loyal_families": FAMILIES,
    "propensity_top_decile": PROPENSITY,
    "value_seed": SEED,
    "acquisition_exclusion": EXCLUSION,
    "winback_campaign": WINBACK,
}
"""By example; `{people}` and `{events}` stand for the files."""
