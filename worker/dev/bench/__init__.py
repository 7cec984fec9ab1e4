"""How fast the worker is on this machine, against its own limit and against a naive worker."""

from worker.dev.bench.model import BenchError, BenchOptions, BenchResult, MixResult
from worker.dev.bench.run import run_bench, run_mix

__all__ = ["BenchError", "BenchOptions", "BenchResult", "MixResult", "run_bench", "run_mix"]
