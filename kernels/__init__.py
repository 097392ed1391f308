"""The numbers: per-position divergences (naive.py is the truth, cpu.py the fast twin) and the
statistics over them.
"""
