"""Metrics that support assistants are usually judged by, to begin a plan with."""

from typing import Any

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "completion": (
        "Task completion: share of units that finish",
        {"key": "completion", "title": "Task completion", "kind": "rate", "event": "task_completed"},
    ),
    "escalation": (
        "Escalation: share handed to a person",
        {"key": "escalation", "title": "Escalation", "kind": "rate", "event": "escalated", "direction": "lower"},
    ),
    "like": (
        "Likes: share that liked an answer",
        {"key": "liked", "title": "Liked an answer", "kind": "rate", "event": "liked"},
    ),
    "repeat": (
        "Repeat use: share that came back",
        {"key": "repeat_use", "title": "Repeat use", "kind": "rate", "event": "session_started", "at_least": 2},
    ),
    "csat": (
        "CSAT: mean rating of those who rated",
        {"key": "csat", "title": "CSAT", "kind": "mean", "event": "csat_rated", "per": "unit_with_event"},
    ),
    "turns": (
        "Turns to resolution",
        {
            "key": "turns_to_resolution",
            "title": "Turns to resolution",
            "kind": "mean",
            "event": "resolved",
            "field": "properties.turns",
            "per": "unit_with_event",
            "direction": "lower",
            "unit": "turns",
        },
    ),
    "messages": (
        "Messages to value",
        {
            "key": "messages_to_value",
            "title": "Messages to value",
            "kind": "mean",
            "event": "value_reached",
            "field": "properties.messages",
            "per": "unit_with_event",
            "direction": "lower",
            "unit": "messages",
        },
    ),
    "likes_per_answer": (
        "Likes per answer (ratio)",
        {
            "key": "likes_per_answer",
            "title": "Likes per answer",
            "kind": "ratio",
            "event": "liked",
            "field": "count",
            "denominator": {"event": "answered", "field": "count"},
        },
    ),
    "latency": (
        "Latency P95, of calls through the gateway",
        {
            "key": "latency_p95",
            "title": "Latency P95",
            "role": "guardrail",
            "kind": "quantile",
            "event": "gateway_call",
            "field": "properties.latency_ms",
            "q": 0.95,
            "direction": "lower",
            "unit": "ms",
            "margin": 0.1,
            "margin_is_relative": True,
        },
    ),
}
