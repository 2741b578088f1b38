"""What an audit found, in words for who runs the shop."""

from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.admin.text import COUNT
from common.admin.told import told_again
from ecommerce.models import AuditRun


def verdict_on(run: AuditRun) -> str:
    """Whether anything is wrong, and what to do then."""
    if not run.violation_count:
        return _("Everything adds up.")
    text = ngettext(
        "%(count)s thing does not add up: tell your operator at once.",
        "%(count)s things do not add up: tell your operator at once.",
        run.violation_count,
    )
    return text % {"count": COUNT.format(run.violation_count)}


def told_findings(run: AuditRun) -> str:
    """What does not add up, one a line, in the language of the moment; the first of very many."""
    lines = run.text.splitlines()
    if run.told is not None:
        lines = [str(told_again(stored)) for stored in run.told]
    if lines and run.violation_count > len(lines):
        more = COUNT.format(run.violation_count - len(lines))
        lines.append(_("… and %(count)s more.") % {"count": more})
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines))
