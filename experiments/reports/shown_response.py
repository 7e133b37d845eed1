"""What a reviewer is shown of an output: its text, then its tool calls as a block of JSON."""

LONGEST_CALLS = 20_000

# As the scorers read a call: {"name", "arguments"}, {"function": {…}} or {name: arguments}, with arguments as an object
# or as JSON text. What is none of these stays as it was written, without what an endpoint numbers its calls by.
CALLS = """(
SELECT coalesce(jsonb_agg(
    CASE WHEN call.name IS NULL THEN call.written ELSE jsonb_build_object('name', call.name, 'arguments',
        CASE WHEN coalesce(call.arguments, 'null') IN ('null', '""') THEN '{{}}'::jsonb
             WHEN jsonb_typeof(call.arguments) = 'string' AND experiments_json(call.arguments #>> '{{}}') IS NOT NULL
             THEN experiments_json(call.arguments #>> '{{}}')
             ELSE call.arguments END) END
    ORDER BY call.place), '[]'::jsonb)
FROM (
    SELECT place, written,
           CASE WHEN named THEN inner_call ->> 'name' ELSE alone.name END AS name,
           CASE WHEN named THEN coalesce(inner_call -> 'arguments', inner_call -> 'parameters')
                ELSE alone.arguments END AS arguments
    FROM jsonb_array_elements(
        CASE jsonb_typeof({calls}) WHEN 'array' THEN {calls} WHEN 'object' THEN jsonb_build_array({calls}) END
    ) WITH ORDINALITY AS listed (item, place)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN jsonb_typeof(item) = 'object'
                    THEN item - '{{id,call_id,tool_call_id,index,type,model}}'::text[] ELSE item END AS written
    ) AS bare
    CROSS JOIN LATERAL (
        SELECT CASE WHEN jsonb_typeof(written -> 'function') = 'object' THEN written -> 'function'
                    ELSE written END AS inner_call
    ) AS unwrapped
    CROSS JOIN LATERAL (SELECT coalesce(jsonb_typeof(inner_call -> 'name') = 'string', false) AS named) AS said
    LEFT JOIN LATERAL (
        SELECT min(key) AS name, min(value::text)::jsonb AS arguments
        FROM jsonb_each(CASE WHEN jsonb_typeof(inner_call) = 'object' THEN inner_call END) AS entry (key, value)
        HAVING count(*) = 1
    ) AS alone ON true
) AS call
)"""


def calls(output: str) -> str:
    """SQL: the calls of an output as name and arguments, whatever the file or the endpoint called them by."""
    return CALLS.format(calls=f"{output}.tool_calls")


def shown_response(output: str) -> str:
    """SQL: the text, and after it what it called. JSON has no line that begins with a fence, so it cannot break out."""
    return f"""CASE WHEN coalesce({output}.tool_calls, 'null') IN ('null', '[]') THEN {output}.text ELSE (
SELECT {output}.text || CASE WHEN {output}.text = '' THEN '' ELSE E'\\n\\n' END || E'```json\\n' ||
       CASE WHEN char_length(listed.calls) > {LONGEST_CALLS}
            THEN left(listed.calls, {LONGEST_CALLS}) || E'\\n… and ' || (char_length(listed.calls) - {LONGEST_CALLS})
                 || ' characters more'
            ELSE listed.calls END || E'\\n```'
FROM (SELECT jsonb_pretty({calls(output)}) AS calls) AS listed) END"""  # noqa: S608 names of tables in our own statements


def same_response(one: str, other: str) -> str:
    """SQL: nothing that a reviewer is shown tells them apart, nor what is cut off behind it."""
    return (
        f"({one}.text = {other}.text AND ({one}.tool_calls IS NOT DISTINCT FROM {other}.tool_calls "
        f"OR {calls(one)} = {calls(other)}))"
    )
