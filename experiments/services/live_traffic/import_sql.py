"""The statements of an import of past traffic, in the order in which they run."""

BATCH_EVENTS = 20_000
STAGE = """
CREATE TEMPORARY TABLE past (
    row bigint, event_id text COLLATE "C", name text COLLATE "C", unit_id text COLLATE "C", conversation_id text,
    at timestamptz, value float8, properties jsonb, arm text
) ON COMMIT DROP
"""
FILL = "COPY past (row, event_id, name, unit_id, conversation_id, at, value, properties, arm) FROM STDIN"
# A temporary table is never analysed by itself; without counts the planner would take it for a handful of rows.
ANALYZE = "ANALYZE past"
SPAN = "SELECT min(at), max(at) FROM past"
FORGET = "DROP TABLE past"

OF_PAST = "(past.name, past.unit_id, past.conversation_id, past.at, past.value, past.properties)"
FIRST = "SELECT DISTINCT ON (event_id) * FROM past WHERE name <> '' ORDER BY event_id, row"

# Problems: row, the text it is about, and a row or time it collides with.
UNITS_TWICE = """
SELECT row, unit_id, first_row::text
FROM (SELECT row, unit_id, min(row) OVER (PARTITION BY unit_id) AS first_row FROM past WHERE name = '') AS numbered
WHERE row > first_row ORDER BY row
"""
IDS_TWICE = f"""
SELECT past.row, past.event_id, first.row::text FROM past JOIN ({FIRST}) AS first USING (event_id)
WHERE past.row > first.row AND {OF_PAST} IS DISTINCT FROM
      (first.name, first.unit_id, first.conversation_id, first.at, first.value, first.properties)
ORDER BY past.row
"""  # noqa: S608 constants of this module
IDS_TAKEN = f"""
SELECT past.row, past.event_id, '' FROM past JOIN experiments_liveevent AS stood
  ON stood.live_test_id = %(test)s AND stood.event_id = past.event_id
WHERE past.name <> '' AND {OF_PAST} IS DISTINCT FROM
      (stood.name, stood.unit_id, stood.conversation_id, stood.at, stood.value, stood.properties)
ORDER BY past.row
"""  # noqa: S608 constants of this module
UNEXPOSED = """
SELECT row, unit_id, '' FROM past WHERE NOT EXISTS (
    SELECT FROM experiments_exposure WHERE live_test_id = %(test)s AND unit_id = past.unit_id
) ORDER BY row
"""
AHEAD = "SELECT row, unit_id, at::text FROM past WHERE at > %(latest)s ORDER BY row"
# `periods` says by the name of an event how many days before its unit's exposure it is wanted. In `skew` minutes two
# clocks may differ.
IS_TOO_SOON = """
exposure.live_test_id = %(test)s AND exposure.unit_id = past.unit_id AND past.name NOT IN ('', 'exposure')
AND past.at < exposure.exposed_at - %(skew)s * interval '1 minute'
    - coalesce((%(periods)s::jsonb ->> past.name)::float8, 0) * interval '1 day'
"""
BEFORE_EXPOSURE = f"""
SELECT past.row, past.unit_id, exposure.exposed_at::text
FROM past, experiments_exposure AS exposure WHERE {IS_TOO_SOON} ORDER BY past.row
"""  # noqa: S608 constants of this module
LEAVE_OUT_TOO_SOON = f"DELETE FROM past USING experiments_exposure AS exposure WHERE {IS_TOO_SOON}"  # noqa: S608

EXPOSE = """
INSERT INTO experiments_exposure (live_test_id, unit_id, arm, bucket, source, exposed_at, segment)
SELECT DISTINCT ON (unit_id) %(test)s, unit_id, arm, NULL::int, 'imported', at, '{}'::jsonb
FROM past WHERE arm <> '' ORDER BY unit_id, at, row
ON CONFLICT DO NOTHING
"""
CONFLICTS = """
INSERT INTO experiments_armconflict (live_test_id, unit_id, seen_arm, seen_at)
SELECT DISTINCT ON (past.unit_id) %(test)s, past.unit_id, past.arm, past.at
FROM past JOIN experiments_exposure AS exposure
  ON exposure.live_test_id = %(test)s AND exposure.unit_id = past.unit_id
WHERE past.arm <> '' AND past.arm <> exposure.arm ORDER BY past.unit_id, past.at
ON CONFLICT DO NOTHING
"""
# One for each so many events, so that folding never holds too many at once.
NEW = f"""
CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT *, (row_number() OVER (ORDER BY row, event_id) - 1) / {BATCH_EVENTS} AS batch
FROM ({FIRST}) AS first WHERE NOT EXISTS (
    SELECT FROM experiments_liveevent WHERE live_test_id = %(test)s AND event_id = first.event_id
)
"""  # noqa: S608 constants of this module
COUNTS = """
SELECT (SELECT count(*) FROM past WHERE name <> ''), (SELECT count(*) FROM fresh)
"""
BATCHES = """
INSERT INTO experiments_eventbatch (live_test_id, n, counts, received_at)
SELECT %(test)s, count(*), CASE batch WHEN 0 THEN %(counts)s::jsonb ELSE '{}' END, %(now)s
FROM fresh GROUP BY batch ORDER BY batch RETURNING id
"""
EVENTS = """
INSERT INTO experiments_liveevent
    (live_test_id, event_id, batch_id, name, unit_id, conversation_id, at, received_at, value, properties)
SELECT %(test)s, event_id, (%(batches)s::bigint[])[batch + 1], name, unit_id, conversation_id, at, %(now)s, value,
       properties
FROM fresh ORDER BY event_id
"""
FORGET_NEW = "DROP TABLE fresh"
