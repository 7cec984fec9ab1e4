"""`python -m worker`: the same as `inventory-worker`."""

from worker.cli import main

main()
