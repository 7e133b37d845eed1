"""What leaves the site: four tables of a campaign's judgments, streamed as CSV or JSON lines."""

from experiments.reports.exports.formats import as_csv, as_json_lines
from experiments.reports.exports.tables import TABLES, Table, table

__all__ = ["TABLES", "Table", "as_csv", "as_json_lines", "table"]
