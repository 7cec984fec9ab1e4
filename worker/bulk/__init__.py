"""Whole files into a running installation, row by row judged like events."""
