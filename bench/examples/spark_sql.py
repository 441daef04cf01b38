"""Examples as somebody who knows Spark writes them in its SQL, under the same freedoms as in DuckDB's."""

# ruff: noqa: S608 - nothing in these statements comes from outside
_T = "TIMESTAMP '2026-11-20 00:00:00'"
_YEAR = f"at >= {_T} - INTERVAL 365 DAY"
_PURCHASED = f"event = 'purchase' AND at < {_T}"
_BOUGHT = f"""
bought AS (
  SELECT * FROM (
    SELECT subject_id, (unix_micros({_T}) - unix_micros(max(at))) DIV 86400000000 AS recency,
           count(*) FILTER (WHERE {_YEAR}) AS orders, sum(amount) FILTER (WHERE {_YEAR}) AS revenue,
           (unix_micros(max(at)) - unix_micros(min(at))) / nullif(count(*) - 1, 0) / 86400000000D AS gap
    FROM events WHERE {_PURCHASED} GROUP BY subject_id
  ) LEFT SEMI JOIN people USING (subject_id)
  WHERE orders >= 1
)"""

CHAMPIONS = f"""
WITH {_BOUGHT}, edges AS (
  SELECT percentile_disc(0.4) WITHIN GROUP (ORDER BY recency) AS r,
         percentile_disc(0.6) WITHIN GROUP (ORDER BY orders) AS f,
         percentile_disc(0.6) WITHIN GROUP (ORDER BY revenue) AS m
  FROM bought
)
SELECT subject_id FROM bought CROSS JOIN edges
WHERE recency <= edges.r AND orders > edges.f AND revenue > edges.m ORDER BY subject_id
"""

LAPSING = f"""
WITH {_BOUGHT}
SELECT subject_id FROM bought WHERE orders >= 2 AND recency > gap * 1.5D
  AND revenue >= (SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY revenue) FROM bought) ORDER BY subject_id
"""

ABANDONERS = f"""
WITH recent AS (
  SELECT subject_id, event, unix_micros(at) AS t FROM events
  WHERE event IN ('cart', 'purchase') AND at >= {_T} - INTERVAL 7 DAY AND at < {_T}
), abandoned AS (
  SELECT DISTINCT subject_id FROM recent AS cart
  WHERE event = 'cart' AND t + 86400000000 <= unix_micros({_T}) AND NOT EXISTS (
    SELECT 1 FROM recent AS bought WHERE bought.event = 'purchase' AND bought.subject_id = cart.subject_id
      AND bought.t > cart.t AND bought.t <= cart.t + 86400000000
  )
)
SELECT subject_id FROM abandoned LEFT SEMI JOIN people USING (subject_id) ORDER BY subject_id
"""

ABOVE_BASE = f"""
WITH seen AS (
  SELECT subject_id, unix_micros(at) DIV 86400000000 AS day FROM events
  WHERE event IN ('view', 'cart', 'purchase') AND at >= {_T} - INTERVAL 30 DAY AND at < {_T}
)
SELECT subject_id FROM seen LEFT SEMI JOIN people USING (subject_id) GROUP BY subject_id
HAVING count(*) > 2 * (SELECT avg(n) FROM (SELECT count(*) / count(DISTINCT subject_id) AS n FROM seen GROUP BY day))
ORDER BY subject_id
"""

EXCLUSION = f"""
SELECT subject_id FROM people
WHERE country NOT IN ('FR', 'BE') OR subject_id IN (
  SELECT subject_id FROM events
  WHERE at < {_T} AND (
    event = 'purchase' AND at >= {_T} - INTERVAL 90 DAY OR event = 'complaint' AND at >= {_T} - INTERVAL 180 DAY
  )
)
ORDER BY subject_id
"""

BY_HAND: dict[str, str] = {
    "rfm_champions": CHAMPIONS,
    "lapsing_high_value": LAPSING,
    "cart_abandoners_24h": ABANDONERS,
    "above_base_frequency": ABOVE_BASE,
    "acquisition_exclusion": EXCLUSION,
}
"""By example, over the views `people` and `events`."""
