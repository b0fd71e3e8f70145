"""Balancing methods: how the losses of the tasks become one step; one file each."""
