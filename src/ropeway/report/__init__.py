"""The report of a run: one page for people, the same facts as JSON for programs."""

from ropeway.report.write import WrittenReport, write_report

__all__ = ["WrittenReport", "write_report"]
