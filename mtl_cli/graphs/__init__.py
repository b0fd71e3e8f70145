"""Builds the encoding of raw columns as a graph of operations, for exported models."""
