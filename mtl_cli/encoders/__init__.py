"""Encoders turn the features of a row into one vector: one file for each."""
