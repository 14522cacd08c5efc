"""Reads of the ledger. Whoever asks for counts asks for their own."""
