"""qwh, the quant warehouse: fidelity of quantized language models per token, joined with benchmark
results, in SQL.
"""
