"""Trains one network with several processes, on one machine or on several."""
