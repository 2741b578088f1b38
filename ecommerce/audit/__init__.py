"""The shop's invariants, checked against the database itself.

Each rule is a query for the rows that break it, so a sound shop of any size answers with next to
nothing: the comparing is the database's work, not this process's memory.
"""

from ecommerce.audit.parts import SHOWN
from ecommerce.audit.run import INVARIANTS, AuditReport, Finding, keep_result, run_audit
from ecommerce.audit.running import AuditIsRunning, audit_now, start_audit
from ecommerce.audit.snapshot import consistent_snapshot
