"""Marks and tones of states: a state is told by word and mark, colour only helps."""

MARKS = {
    "check": "M3.5 12.5l5.5 5.5L20.5 6.5",
    "cross": "M5.5 5.5l13 13M18.5 5.5l-13 13",
    "dash": "M5 12h14",
    "dot": "M12 11.5v1",
    "clock": "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7.5V12l3 2",
    "play": "M7 4.5v15l12.5-7.5z",
    "pause": "M8 5v14M16 5v14",
    "pencil": "M4 20l1-5L16 4l4 4L9 19z",
    "warning": "M12 3.5L22 20.5H2zM12 10v4.5M12 17.5v.2",
    "info": "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 11v5.5M12 7.5v.2",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    "person": "M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6",
    "chevron": "M6 9l6 6l6-6",
    "pages": "M5 4h14v16H5zM8.5 9h7M8.5 13h7M8.5 17h4",
    "question": "M9 9a3 3 0 1 1 4 2.8c-.8.4-1 1-1 2.2M12 17.5v.2",
}

STATES = {
    # work
    "queued": ("plain", "clock"),
    "waiting": ("plain", "clock"),
    "checking": ("accent", "play"),
    "committing": ("accent", "play"),
    "running": ("accent", "play"),
    "done": ("met", "check"),
    "checked": ("met", "check"),
    "failed": ("failed", "cross"),
    "parked": ("failed", "pause"),
    "cancelled": ("plain", "dash"),
    "discarded": ("plain", "dash"),
    # campaigns
    "draft": ("plain", "pencil"),
    "opening": ("accent", "clock"),
    "open": ("accent", "play"),
    "paused": ("open", "pause"),
    "closed": ("plain", "lock"),
    # criteria and verdicts
    "met": ("met", "check"),
    "not met": ("failed", "cross"),
    "undecided": ("open", "question"),
    "no evidence": ("plain", "dash"),
    "GO": ("met", "check"),
    "NO-GO": ("failed", "cross"),
    "INCONCLUSIVE": ("open", "question"),
    "INVALID": ("plain", "warning"),
    # messages and rows
    "error": ("failed", "cross"),
    "warning": ("open", "warning"),
    "success": ("met", "check"),
    "info": ("accent", "info"),
    "hidden": ("plain", "lock"),
    # people
    "active": ("met", "check"),
    "inactive": ("plain", "dash"),
    "revoked": ("plain", "dash"),
    "expired": ("plain", "clock"),
    "accepted": ("met", "check"),
    "reviewer": ("plain", "person"),
    "admin": ("plain", "person"),
    "lead": ("plain", "person"),
}
