"""Development aids: embedded servers, the sample day, simulation and benchmarks."""
