"""Read-only views of a running system: status and audit."""
