"""The durable store: a LanceDB table is the truth, everything else is derived from it."""
