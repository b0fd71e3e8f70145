"""Reads the files of a data set, splits the rows, and encodes them as tables."""
