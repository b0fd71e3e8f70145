"""Balancing methods: how the losses of the tasks become one step. Each file has one."""
