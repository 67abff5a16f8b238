"""The page of a report: one HTML file that opens offline, drawn from the dictionary that ``report.json`` holds.

``html(report)`` fills the templates of ``templates/`` (jinja2) with the sections of the report and inlines ``style/`` and
``script/``. A content security policy allows these alone: the page loads nothing and sends nothing.
"""

from .render import html

__all__ = ["html"]
