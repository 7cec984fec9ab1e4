"""The rules of stock as pure functions: values in, values out; no clock, randomness or I/O."""
