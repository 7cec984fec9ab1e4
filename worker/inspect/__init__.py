"""Views of a running system: status, audit, why; and the audit's repairs."""
