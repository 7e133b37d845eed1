"""How a run gets its scores: chosen, applied to what stands, summarised; and again without new calls."""
