"""What the base looks like: over time, audience against audience, who they are, what the shop can learn.

What comes in: a shop's audiences at one `as_of`, its log. What goes out: tables, personas, plots, one page.
"""

from intentml.insights.comparison import comparison
from intentml.insights.first_order import FirstOrderThreshold, first_order_threshold, threshold_of
from intentml.insights.lifecycle import base_over_time, stage_flows, stages_at
from intentml.insights.overlap import overlap
from intentml.insights.personas import Persona, persona, persona_of
from intentml.insights.report import Report, report_of
from intentml.insights.segments import Segments, discovered_segments
from intentml.insights.written import written

__all__ = [
    "FirstOrderThreshold",
    "Persona",
    "Report",
    "Segments",
    "base_over_time",
    "comparison",
    "discovered_segments",
    "first_order_threshold",
    "overlap",
    "persona",
    "persona_of",
    "report_of",
    "stage_flows",
    "stages_at",
    "threshold_of",
    "written",
]
