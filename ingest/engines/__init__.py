"""What gives logits: one module per engine, behind one port."""
