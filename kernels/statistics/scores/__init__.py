"""Statistics whose rows are answers: a quant against the reference, and quants in pairs."""
